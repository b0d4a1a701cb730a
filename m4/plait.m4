dnl The checks of configure.ac that come more than once.

dnl PLAIT_NEED(VARIABLE, MODULE, DEBIAN-PACKAGE): a library we cannot do without.
AC_DEFUN([PLAIT_NEED],
	 [PKG_CHECK_MODULES([$1], [$2], [],
			    [AC_MSG_ERROR([pkg-config finds no $2; on Debian: apt-get install $3])])])

dnl PLAIT_CFLAGS(VARIABLE, FLAGS): those of FLAGS that the compiler takes without a word.
AC_DEFUN([PLAIT_CFLAGS],
	 [$1=
plait_saved=$CFLAGS
for plait_flag in $2; do
	AC_MSG_CHECKING([whether $CC takes $plait_flag])
	CFLAGS="$plait_saved -Werror $plait_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
			  [$1="$$1 $plait_flag"; AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
done
CFLAGS=$plait_saved
AC_SUBST([$1])])

dnl PLAIT_LDFLAGS(VARIABLE, FLAGS): the same for linking.
AC_DEFUN([PLAIT_LDFLAGS],
	 [$1=
plait_saved=$LDFLAGS
for plait_flag in $2; do
	AC_MSG_CHECKING([whether the linker takes $plait_flag])
	LDFLAGS="$plait_saved $plait_flag"
	AC_LINK_IFELSE([AC_LANG_PROGRAM()], [$1="$$1 $plait_flag"; AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
done
LDFLAGS=$plait_saved
AC_SUBST([$1])])

dnl PLAIT_SANITIZER(LIST): sets SANITIZER_FLAGS, for compiling and linking, or ends configure.
AC_DEFUN([PLAIT_SANITIZER],
	 [AC_MSG_CHECKING([whether programs run with -fsanitize=$1])
SANITIZER_FLAGS="-fsanitize=$1 -fno-sanitize-recover=all -fno-omit-frame-pointer"
plait_saved=$CFLAGS
CFLAGS="$CFLAGS $SANITIZER_FLAGS"
AC_RUN_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
	      [AC_MSG_RESULT([no])
	       AC_MSG_ERROR([$CC cannot make a running program with -fsanitize=$1 (see config.log); on Debian the runtimes come with gcc (libasan, libubsan, libtsan) or libclang-rt-dev])],
	      [AC_MSG_RESULT([not known when cross-compiling])])
CFLAGS=$plait_saved])
