EXTRA_DIST += tests/lsan.supp tests/tsan.supp
EXTRA_DIST += tests/unit/cmocka_all.h
