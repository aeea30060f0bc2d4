/*
 * base/banned.h - calls that do not compile.
 *
 * The build includes this file before every source of ours. Two lists: what is unsafe everywhere, and,
 * where ROVE__CORE is set, what only a platform may do: core gets its memory, time, randomness and
 * files through ports, and prints nothing. snprintf in core is base's alone (ROVE__BASE); the rest
 * formats with base/text.h.
 *
 * The headers that declare the calls come first; after that a call expands to a name nobody declared,
 * which says what is wrong. A field or a variable of the same name, `time` say, stays usable.
 */
#ifndef ROVE_BASE_BANNED_H
#define ROVE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROVE__BANNED(call) rove__##call##_is_banned_see_base_banned_h

/* Unbounded, silently wrong on bad input, or not safe with threads. */
#undef strcpy
#define strcpy(...) ROVE__BANNED(strcpy)
#undef strcat
#define strcat(...) ROVE__BANNED(strcat)
#undef strncpy
#define strncpy(...) ROVE__BANNED(strncpy)
#undef strncat
#define strncat(...) ROVE__BANNED(strncat)
#undef stpcpy
#define stpcpy(...) ROVE__BANNED(stpcpy)
#undef sprintf
#define sprintf(...) ROVE__BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) ROVE__BANNED(vsprintf)
#undef gets
#define gets(...) ROVE__BANNED(gets)
#undef atoi
#define atoi(...) ROVE__BANNED(atoi)
#undef atol
#define atol(...) ROVE__BANNED(atol)
#undef atoll
#define atoll(...) ROVE__BANNED(atoll)
#undef atof
#define atof(...) ROVE__BANNED(atof)
#undef strtok
#define strtok(...) ROVE__BANNED(strtok)
#undef localtime
#define localtime(...) ROVE__BANNED(localtime)
#undef gmtime
#define gmtime(...) ROVE__BANNED(gmtime)
#undef ctime
#define ctime(...) ROVE__BANNED(ctime)
#undef asctime
#define asctime(...) ROVE__BANNED(asctime)
#undef rand
#define rand(...) ROVE__BANNED(rand)
#undef srand
#define srand(...) ROVE__BANNED(srand)
#undef tmpnam
#define tmpnam(...) ROVE__BANNED(tmpnam)

#ifdef ROVE__CORE
/* Memory: base/alloc.h. */
#undef malloc
#define malloc(...) ROVE__BANNED(malloc)
#undef calloc
#define calloc(...) ROVE__BANNED(calloc)
#undef realloc
#define realloc(...) ROVE__BANNED(realloc)
#undef free
#define free(...) ROVE__BANNED(free)
#undef aligned_alloc
#define aligned_alloc(...) ROVE__BANNED(aligned_alloc)
#undef strdup
#define strdup(...) ROVE__BANNED(strdup)
#undef strndup
#define strndup(...) ROVE__BANNED(strndup)
#undef alloca
#define alloca(...) ROVE__BANNED(alloca)

/* Time and randomness: rove/sys/clock.h, rove/sys/random.h. */
#undef time
#define time(...) ROVE__BANNED(time)
#undef clock
#define clock(...) ROVE__BANNED(clock)
#undef timespec_get
#define timespec_get(...) ROVE__BANNED(timespec_get)
#undef mktime
#define mktime(...) ROVE__BANNED(mktime)
#undef strftime
#define strftime(...) ROVE__BANNED(strftime)
#undef random
#define random(...) ROVE__BANNED(random)

/* The process and its files: rove/sys/files.h, rove/sys/log.h. */
#undef getenv
#define getenv(...) ROVE__BANNED(getenv)
#undef system
#define system(...) ROVE__BANNED(system)
#undef exit
#define exit(...) ROVE__BANNED(exit)
#undef fopen
#define fopen(...) ROVE__BANNED(fopen)
#undef printf
#define printf(...) ROVE__BANNED(printf)
#undef vprintf
#define vprintf(...) ROVE__BANNED(vprintf)
#undef fprintf
#define fprintf(...) ROVE__BANNED(fprintf)
#undef vfprintf
#define vfprintf(...) ROVE__BANNED(vfprintf)
#undef puts
#define puts(...) ROVE__BANNED(puts)
#undef fputs
#define fputs(...) ROVE__BANNED(fputs)
#undef putchar
#define putchar(...) ROVE__BANNED(putchar)
#undef perror
#define perror(...) ROVE__BANNED(perror)
#undef scanf
#define scanf(...) ROVE__BANNED(scanf)
#undef sscanf
#define sscanf(...) ROVE__BANNED(sscanf)
#ifndef ROVE__BASE
#undef snprintf
#define snprintf(...) ROVE__BANNED(snprintf)
#undef vsnprintf
#define vsnprintf(...) ROVE__BANNED(vsnprintf)
#endif
#endif

#endif
