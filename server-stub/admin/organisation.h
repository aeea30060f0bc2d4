/*
 * admin/organisation.h - what commands need to know of the organisation as a whole.
 */
#ifndef ROVE_HQ_ORGANISATION_H
#define ROVE_HQ_ORGANISATION_H

#include "hq.h"

#define HQ_CURRENCY "USD" /* where the settings name none */

/* The base currency, ISO 4217, NUL-terminated. */
ROVE_CHECK rove_status hq_currency(hq *headquarters, char currency[4], rove_error *error);

#endif
