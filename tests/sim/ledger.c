/*
 * sim/ledger.c - see ledger.h.
 */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ledger_entity ledger_entities[LEDGER_KINDS] = {
    [LEDGER_ACCOUNT] = {"Account",
                        "account",
                        "website",
                        {"name", "phone", "billing_city", "description"},
                        NULL,
                        "points",
                        "alt_names",
                        "lifecycle_stage",
                        1},
    [LEDGER_VISIT] = {"Visit",
                      "visit",
                      "purpose",
                      {"notes", "next_step"},
                      "account_id",
                      NULL,
                      "contact_ids",
                      NULL,
                      1},
    [LEDGER_TASK] = {"Task", "task", "subject", {"description"}, "about_id", NULL, NULL, NULL, 1},
    [LEDGER_NOTE] = {"Note", "note", "text", {NULL}, "about_id", NULL, NULL, NULL, 0},
    [LEDGER_CONTACT] = {"Contact",
                        "contact",
                        "department",
                        {"title", "phone", "description"},
                        NULL,
                        NULL,
                        NULL,
                        NULL,
                        1},
    [LEDGER_LEAD] =
        {"Lead", "lead", "company", {"title", "description"}, NULL, NULL, NULL, NULL, 0},
    [LEDGER_ROLE] = {"AccountContactRole",
                     "account_contact_role",
                     "role",
                     {NULL},
                     "account_id",
                     NULL,
                     NULL,
                     NULL,
                     0},
};

void *ledger_grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 256 : *capacity * 2;
    items = realloc(items, *capacity * size);
    if (items == NULL) {
        abort();
    }
    return items;
}

void ledger_free(ledger *self) {
    free(self->writes);
    free(self->records);
    *self = (ledger){.count = 0};
}

uint32_t ledger_write_new(ledger *self, ledger_what what, uint32_t record, int author) {
    self->count += self->count == 0;
    self->writes = ledger_grow(self->writes, self->count, &self->capacity, sizeof *self->writes);
    self->writes[self->count] = (ledger_write){.what = what, .record = record, .author = author};
    return (uint32_t)self->count++;
}

uint32_t ledger_record_new(ledger *self, ledger_kind kind, uint32_t account) {
    self->record_count += self->record_count == 0;
    self->records = ledger_grow(self->records, self->record_count, &self->record_capacity,
                                sizeof *self->records);
    self->records[self->record_count] =
        (ledger_record){.kind = kind, .account = account, .owner = -1};
    return (uint32_t)self->record_count++;
}

uint32_t ledger_number(char letter, const void *text, size_t size) {
    const char *at = text;
    uint32_t number = 0;
    if (size < 3 || at[0] != letter) {
        return 0;
    }
    for (size_t i = 1; i < size && i < 10; i++) {
        if (at[i] == ';') {
            return number;
        }
        if (at[i] < '0' || at[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint32_t)(at[i] - '0');
    }
    return 0;
}

void ledger_text(char letter, uint32_t number, char text[LEDGER_KEY_SIZE]) {
    snprintf(text, LEDGER_KEY_SIZE, "%c%06u;", letter,
             number); /* long enough not to be there by chance */
}

int ledger_after(const ledger *self, uint32_t write, uint32_t ancestor) {
    while (write > ancestor) {
        write = self->writes[write].parent;
    }
    return write == ancestor;
}

int ledger_unseen(const ledger *self, uint32_t a, uint32_t b) {
    const ledger_write *first = &self->writes[a];
    const ledger_write *second = &self->writes[b];
    return first->author != second->author && (first->left == 0 || first->left > second->heard);
}
