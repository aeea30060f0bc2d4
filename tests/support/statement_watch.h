/*
 * support/statement_watch.h - lets a test make any preparation or step of a statement fail with an I/O error, which nothing
 * below SQLite has to bring about. The linker puts statement_watch.c in front of SQLite in every test (--wrap).
 */
#ifndef ROVE_TESTS_STATEMENT_WATCH_H
#define ROVE_TESTS_STATEMENT_WATCH_H

/* 1: it fails. Not asked about ROLLBACK, which in SQLite never does. NULL, as at first: none fails. One for the process. */
extern int (*statement_watch)(const char *sql);

#endif
