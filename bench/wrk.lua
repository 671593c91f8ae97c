-- SPDX-License-Identifier: MIT
-- Arguments behind --: pipeline=N, upload=OCTETS, slow=PATH (one request in
-- ten). Without them there is no request(), which would cost wrk time per
-- request. At the end, what wrk counted, exactly, as one line of JSON.
function init(args)
	local option = {}
	for _, text in ipairs(args) do
		local key, value = text:match("^(%w+)=(.*)$")
		if key then
			option[key] = value
		end
	end
	if option.upload then
		wrk.method = "POST"
		wrk.body = string.rep("x", tonumber(option.upload))
	end
	if option.pipeline then
		local all = string.rep(wrk.format(), tonumber(option.pipeline))
		request = function()
			return all
		end
	end
	if option.slow then
		local fast, slow = wrk.format(), wrk.format(nil, option.slow)
		local n = 0
		request = function()
			n = n + 1
			return n % 10 == 0 and slow or fast
		end
	end
end

function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"requests":%d,"duration_us":%d,"bytes":%d,' ..
	    '"p50_us":%d,"p99_us":%d,"max_us":%d,"errors":{"connect":%d,' ..
	    '"read":%d,"write":%d,"timeout":%d,"non-2xx":%d}}\n',
	    summary.requests, summary.duration, summary.bytes,
	    latency:percentile(50), latency:percentile(99), latency.max,
	    e.connect, e.read, e.write, e.timeout, e.status))
end
