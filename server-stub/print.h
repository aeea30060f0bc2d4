/*
 * print.h - what commands print beside text: one JSON document. hq_print, hq_complain and hq_failed are in hq.h.
 */
#ifndef ROVE_HQ_PRINT_H
#define ROVE_HQ_PRINT_H

#include <jansson.h>

#include "hq.h"

/* Prints a document and a newline, and drops the reference; NULL (no memory) gives HQ_EXIT_FAILED. */
int hq_print_json(const hq_io *io, json_t *document);
/* For %-*s: how many bytes of the text, padded, take so many columns. Each character counts for one. */
int hq_width(const char *text, int columns);
/* A new JSON text of what an operator handed in, about 1 KiB of it at most; bytes that are no UTF-8 are shown as U+FFFD. */
json_t *hq_json_text(const char *text);
/* A new JSON text of an instant in ISO 8601, null for 0. */
json_t *hq_json_time(int64_t unix_ms);

#endif
