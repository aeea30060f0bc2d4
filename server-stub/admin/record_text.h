/*
 * admin/record_text.h - a whole record as people and programs read it: JSON, and fields of CSV.
 *
 * `scratch` is a buffer of the caller's that is emptied and used.
 */
#ifndef ROVE_HQ_RECORD_TEXT_H
#define ROVE_HQ_RECORD_TEXT_H

#include <jansson.h>

#include "base/buf.h"
#include "hq.h"

#define RECORD_TEXT_MAX ((size_t)ROVE_VALUE_MAX * 4) /* a printed value, quoted */

/* Digits after the point of the row's money: of its own currency, else of the organisation's. */
int record_money_digits(const rove__row *row, int organisation_digits);

/*
 * A value for JSON: integers are numbers, ids and money texts ("12.34"), booleans true and false, instants ISO 8601, sets
 * texts with "; ". New; NULL without memory.
 */
json_t *record_value_json(const rove__field *field, int money_digits, const rove_value *value,
                          rove__buf *scratch);
/* {"id": "...", field: value, ...} of the cells that are not NULL. New; NULL without memory. */
json_t *record_json(const rove__row *row, int organisation_digits, rove__buf *scratch);

/*
 * Appends a field of a CSV line as RFC 4180 has it. What a spreadsheet would take for a formula (it begins with = + - @, a
 * tab or a carriage return, and is no number) gets a ' in front.
 */
void record_csv_field(const char *text, size_t size, rove__buf *out);

#endif
