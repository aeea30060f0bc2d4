/*
 * laws/draw.h - what laws are about, drawn at random: often small and equal, so that ties are frequent, and often at
 * a limit. Each with a word that prints it while a broken law is explained.
 */
#ifndef ROVE_TESTS_LAWS_DRAW_H
#define ROVE_TESTS_LAWS_DRAW_H

#include "lab.h"
#include "merge/merge.h"
#include "model/digest.h"

#define DRAW_FEW 3 /* different stamps, replicas, numbers: so few are near each other */
#define AUTHOR_A 1u
#define AUTHOR_B 2u
#define ELEMENTS 6 /* different ones of a small set */

/*
 * Any value of any type, with bits and bytes that no device may send too: NaN payloads, infinities, -0.0, denormals, NUL
 * and bytes that are no UTF-8 in a text, 64 KiB, the ends of int64.
 */
rove_value draw_value(lab *l);
/* 1 if it may be read back from bytes; worked out without the product. */
int value_is_legal(const rove_value *value);
/* An INT, as ranks have. */
rove_value draw_stage(lab *l);
/* Few stamps, few replicas; now and then the largest. */
rove__version draw_version(lab *l);
rove__cell draw_cell(lab *l);
rove__cell draw_rank(lab *l);
/* Up to a few, rarely 600, ascending by raw. */
rove__increment *draw_increments(lab *l, size_t *count);
/* Of numbers or of texts; the same for all sets of a try. */
typedef struct draw_elements {
    rove_value value[ELEMENTS];
} draw_elements;
draw_elements draw_universe(lab *l);
/* Versioned, of elements of the universe. Versions are below 2^16 and never by AUTHOR_A or AUTHOR_B alone. */
rove__set draw_set(lab *l, const draw_elements *universe);
/* Adds and removes; a remove names the version that `seen` has, an older one, or none. */
rove__set draw_delta(lab *l, const draw_elements *universe, const rove__set *seen);
rove__set draw_plain(lab *l, const draw_elements *universe);
/* Entries in order of drawing; with_seqs: as headquarters has it. */
rove__clock draw_clock(lab *l, int with_seqs);
rove__clock_entry draw_entry(lab *l, const rove__clock *clock, int with_seqs);
/* A row of an entity that is known, or not; unknown fields. */
rove__row draw_row(lab *l);

void show_value(const lab *l, const char *name, const rove_value *value);
void show_cell(const lab *l, const char *name, const rove__cell *cell);
void show_version(const lab *l, const char *name, rove__version version);
void show_number(const lab *l, const char *name, int64_t number);
void show_increments(const lab *l, const char *name, const rove__increment *increments,
                     size_t count);
void show_set(const lab *l, const char *name, const rove__set *set);
void show_clock(const lab *l, const char *name, const rove__clock *clock);
void show_row(const lab *l, const char *name, const rove__row *row);

#endif
