EXTRA_DIST += tests/lsan.supp tests/tsan.supp

check_PROGRAMS += tests/tools/board
tests_tools_board_LDADD = libgt_stats.a libgt_base.a

# The tree itself: layers, headers, names. Each script prints what it found.
dist_check_SCRIPTS += \
	tests/lint/headers.sh \
	tests/lint/layers.py \
	tests/lint/names.py
TESTS += \
	tests/lint/headers.sh \
	tests/lint/layers.py \
	tests/lint/names.py
