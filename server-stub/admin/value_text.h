/*
 * admin/value_text.h - one value of a field as people write it, and back: what a command or a CSV file says.
 *
 *   enumeration   its key, "IN_PROGRESS"; read also as "In Progress"
 *   boolean       true, false; read also as yes, no, 1, 0
 *   instant       ISO 8601 in UTC; read also as 2026/01/31, 31.01.2026 and, where only one reading is possible, 1/31/2026
 *   money         "12.34" in the currency's minor units; read exactly, halves go to the even neighbour
 *   degrees       "35.030054"; read exactly to 1e-7
 *   set           elements with "; " between them; of a change "+added; -removed"
 *   blob          hexadecimal digits
 *   real, text, other integers   themselves
 *
 * Nothing is ever read through a floating-point number but a REAL. Pure; any thread.
 */
#ifndef ROVE_HQ_VALUE_TEXT_H
#define ROVE_HQ_VALUE_TEXT_H

#include "base/alloc.h"
#include "base/buf.h"
#include "model/entity.h"

/* Digits after the point of an ISO 4217 currency; 2 for one that is not known. */
int value_text_money_digits(const char *currency, size_t size);

/*
 * Reads a value and checks it against the field's limits. An empty text is NULL. Bytes come from the arena. The error
 * says what is allowed. ROVE_INVALID, ROVE_RANGE, ROVE_UTF8, ROVE_TOO_BIG, ROVE_NOMEM.
 */
ROVE_CHECK rove_status value_text_parse(const rove__field *field, int money_digits,
                                        const char *text, size_t size, rove__arena *arena,
                                        rove_value *value, rove_error *error);
/* Appends it; NULL appends nothing. */
void value_text_print(const rove__field *field, int money_digits, const rove_value *value,
                      rove__buf *out);

/*
 * A decimal number ("-1,234.50", "1.0E7") times 10^digits. *exact: 0 if digits had to be rounded away, halves to the
 * even neighbour. ROVE_INVALID for what is no number, ROVE_RANGE for one that does not fit.
 */
ROVE_CHECK rove_status value_text_decimal(const char *text, size_t size, int digits, int64_t *value,
                                          int *exact);
/* An integer from 10^digits of it; the opposite of the above. */
void value_text_print_decimal(int64_t value, int digits, rove__buf *out);
/* A date or a time in one of the forms above, in Unix ms. ROVE_INVALID. */
ROVE_CHECK rove_status value_text_instant(const char *text, size_t size, int64_t *unix_ms);

/* ASCII's alone. */
char value_text_lower(char c);
/* 1 if both are the same letters and digits, whatever case, spaces and punctuation. ASCII's alone. */
int value_text_alike(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
