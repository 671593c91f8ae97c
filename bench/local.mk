EXTRA_DIST += \
	bench/README \
	bench/apps/django_app.py \
	bench/apps/flask_app.py \
	bench/apps/hello.py \
	bench/apps/json_app.py \
	bench/apps/pause.py \
	bench/bench.py \
	bench/entries.py \
	bench/measure.py \
	bench/reference.c \
	bench/report.py \
	bench/wrk.lua
