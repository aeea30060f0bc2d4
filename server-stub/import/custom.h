/*
 * import/custom.h - custom fields that a file brings along: their type from all values of the column, and the
 * CustomField row, made once for each entity with a number that stays the same for ever.
 *
 * integer   every value is one, without zeros in front (codes stay texts)
 * boolean   every value is true or false; an integer with a flag
 * real      every value is a plain decimal number, and one has a fraction
 * text      anything else, and a column without values
 */
#ifndef ROVE_HQ_IMPORT_CUSTOM_H
#define ROVE_HQ_IMPORT_CUSTOM_H

#include "hq.h"
#include "import/mapping.h"

/* What the values of one column seen so far can be. Zeros at first. */
typedef struct custom_guess {
    int any;
    int no_integer;
    int no_real;
    int no_boolean;
} custom_guess;

void custom_look(custom_guess *guess, const char *text, size_t size);
/* The definition that fits; entity, number and name are the caller's to fill in. */
rove__custom custom_fitting(const custom_guess *guess);

/*
 * Whether the mapping's custom fields are there is said by their rows. One whose definition could not be committed is in the
 * registry all the same: it counts as lacking, and is made again.
 */
ROVE_CHECK rove_status custom_find(hq *headquarters, mapping *m, rove_error *error);
/* How many fields the mapping names that the entity lacks. */
size_t custom_missing(const mapping *m);
/*
 * Makes the fields that the mapping names and the entity lacks, and gives the columns their ordinals. `guesses` by
 * column. *made counts them.
 */
ROVE_CHECK rove_status custom_make(hq *headquarters, const hq_io *io, mapping *m,
                                   const custom_guess *guesses, size_t *made, rove_error *error);

#endif
