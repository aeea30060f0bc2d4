/*
 * import/synonyms.h - what other programs call our fields: the column names that Salesforce, HubSpot, SuiteCRM and
 * plain spreadsheets use. Names are compared by value_text_alike: "Billing Street" is "BillingStreet" is "billing_street".
 * A field's own name needs no line. Constant; any thread.
 */
#ifndef ROVE_HQ_SYNONYMS_H
#define ROVE_HQ_SYNONYMS_H

#include <stddef.h>

typedef struct synonym {
    const char *entity; /* NULL: of every entity that has the target */
    const char *header;
    const char *target; /* a field, or one of mapping.h's special targets */
} synonym;

extern const synonym synonyms[];
extern const size_t synonym_count;

/* What other programs call our values. */
typedef struct value_synonym {
    const char *entity;
    const char *field;
    const char *theirs;
    const char *ours;
} value_synonym;

extern const value_synonym value_synonyms[];
extern const size_t value_synonym_count;

/* Files that are often exported beside the others, and have no entity here. */
typedef struct stranger {
    const char *name;   /* what it is, for the message */
    const char *header; /* that gives it away */
    const char *file;   /* part of the file's name that gives it away */
} stranger;

extern const stranger strangers[];
extern const size_t stranger_count;

#endif
