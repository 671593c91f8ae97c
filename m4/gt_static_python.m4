# GT_STATIC_PYTHON
# ----------------
# --with-static-python=auto|yes|no. Sets GT_EXE_PYTHON_LIBS and
# GT_EXE_LDFLAGS, for gthreadd alone: the unit tests use the shared library.
#
# libpython's archive is not position-independent, as in Debian's python3, and
# gthreadd exports its symbols: extension modules find the interpreter there.
# doc/performance.md tells what it gives and costs.
AC_DEFUN([GT_STATIC_PYTHON],[
AC_ARG_WITH([static-python],
  [AS_HELP_STRING([--with-static-python=auto|yes|no],
    [the interpreter within gthreadd, without PIE (auto: when its archive is there, but not with debug, sanitizers, fuzzing or coverage)])],,
  [with_static_python=auto])
AS_CASE([$with_static_python],[auto|yes|no],,
  [AC_MSG_ERROR([--with-static-python is auto, yes or no])])
AS_IF([test $with_static_python = auto && test "$enable_debug$enable_asan$enable_tsan$enable_fuzzing$enable_coverage" != nonononono],
  [with_static_python=no])
GT_EXE_PYTHON_LIBS=$PYTHON_LIBS
GT_EXE_LDFLAGS=
AC_MSG_CHECKING([whether the interpreter can be linked statically])
AS_IF([test $with_static_python = no],[AC_MSG_RESULT([not wanted])],
  [gt_vars=`"$GT_PYTHON" -c 'import sysconfig as s
g = s.get_config_var
a = g("LIBPL") + "/libpython" + g("LDVERSION") + ".a"
print("gt_archive=" + a)
print("gt_extra=\"%s %s %s\"" % (g("LIBS"), g("SYSLIBS"), g("MODLIBS")))'`
   eval "$gt_vars"
   gt_static_libs="-Wl,--whole-archive $gt_archive -Wl,--no-whole-archive $gt_extra"
   gt_static_ldflags="-no-pie -Wl,--export-dynamic"
   save_LIBS=$LIBS; save_CFLAGS=$CFLAGS; save_LDFLAGS=$LDFLAGS
   LIBS="$gt_static_libs $LIBS"; CFLAGS="$PYTHON_CFLAGS $CFLAGS -fPIE"
   LDFLAGS="$LDFLAGS $gt_static_ldflags -pthread"
   AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <Python.h>]],[[Py_Initialize();]])],
     [AC_MSG_RESULT([yes])
      GT_EXE_PYTHON_LIBS=$gt_static_libs; GT_EXE_LDFLAGS=$gt_static_ldflags],
     [AC_MSG_RESULT([no])
      AS_IF([test $with_static_python = yes],
        [AC_MSG_ERROR([$gt_archive cannot be linked: see config.log])])])
   LIBS=$save_LIBS; CFLAGS=$save_CFLAGS; LDFLAGS=$save_LDFLAGS])
AC_SUBST([GT_EXE_PYTHON_LIBS])
AC_SUBST([GT_EXE_LDFLAGS])
])
