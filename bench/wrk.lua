-- SPDX-License-Identifier: MIT
-- What wrk counted, exactly, as one line of JSON. There is no request() or
-- response() here: they would cost wrk time per request.
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"requests":%d,"duration_us":%d,"bytes":%d,' ..
	    '"p50_us":%d,"p99_us":%d,"max_us":%d,"errors":{"connect":%d,' ..
	    '"read":%d,"write":%d,"timeout":%d,"non-2xx":%d}}\n',
	    summary.requests, summary.duration, summary.bytes,
	    latency:percentile(50), latency:percentile(99), latency.max,
	    e.connect, e.read, e.write, e.timeout, e.status))
end
