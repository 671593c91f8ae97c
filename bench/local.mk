EXTRA_DIST += \
	bench/README \
	bench/apps/django_app.py \
	bench/apps/flask_app.py \
	bench/apps/hello.py \
	bench/apps/inner.py \
	bench/apps/json_app.py \
	bench/apps/shapes.py \
	bench/apps/times.py \
	bench/bench.py \
	bench/callgrind.py \
	bench/entries.py \
	bench/inline.py \
	bench/limits.py \
	bench/load.py \
	bench/measure.py \
	bench/memory.py \
	bench/page.py \
	bench/peers.py \
	bench/reference.c \
	bench/report.py \
	bench/svg.py \
	bench/wrk.lua
