/*
 * import/names.h - a map from texts to numbers: external ids to the line or the record that has them.
 *
 * Open addressing, at most three quarters full. Copies the texts. One thread at a time.
 */
#ifndef ROVE_HQ_NAMES_H
#define ROVE_HQ_NAMES_H

#include "base/alloc.h"

typedef struct names names;

ROVE_CHECK rove_status names_new(const rove_allocator *allocator, names **out);
void names_free(names *map);
/* Replaces what stands under this text. ROVE_NOMEM. */
ROVE_CHECK rove_status names_put(names *map, const char *text, size_t size, int64_t number);
/* 1 and the number, or 0. NULL is an empty map. */
int names_get(const names *map, const char *text, size_t size, int64_t *number);

#endif
