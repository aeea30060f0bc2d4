/*
 * processes/ledger.c - see ledger.h.
 */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const account_fields[ACCOUNT_FIELDS] = {"phone", "website", "billing_street",
                                                    "member_number", "description"};
const char *const task_fields[TASK_FIELDS] = {"subject", "description"};

/* A list that grows by doubling; the test ends where memory does. */
static void *grow(void *list, unsigned count, size_t size) {
    if (count > 0 && (count & (count - 1)) != 0) {
        return list;
    }
    void *larger = realloc(list, (count > 0 ? (size_t)count * 2 : 1) * size);
    if (larger == NULL) {
        abort();
    }
    return larger;
}

void ledger_init(ledger *self) {
    *self = (ledger){NULL, 0, NULL, 0};
    (void)ledger_add(self, (act){.state = ACT_OK, .where = -1});
}

void ledger_free(ledger *self) {
    free(self->acts);
    free(self->tasks);
}

unsigned ledger_add(ledger *self, act one) {
    self->acts = grow(self->acts, self->count, sizeof one);
    self->acts[self->count] = one;
    return self->count++;
}

int ledger_add_task(ledger *self, struct task one) {
    self->tasks = grow(self->tasks, self->task_count, sizeof one);
    self->tasks[self->task_count] = one;
    return (int)self->task_count++;
}

int ledger_task_of(const ledger *self, int64_t id) {
    for (unsigned i = 0; i < self->task_count; i++) {
        if (self->tasks[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

int ledger_save(const ledger *self, const char *path) {
    static const char *const kinds[] = {"account", "task",    "delete", "points", "tag",
                                        "note",    "contact", "visit",  "finish"};
    static const char *const states[] = {"open", "ok", "not", "maybe"};
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        return 0;
    }
    (void)fputs("# write, who, what, which, field, on top of, amount, outcome, restores before\n",
                file);
    for (unsigned i = 1; i < self->count; i++) {
        const act *one = &self->acts[i];
        (void)fprintf(file, "~%06u~ %d %s %d %d ~%06u~ %" PRId64 " %s %d", i, one->who,
                      kinds[one->kind], one->where, one->field, one->parent, one->amount,
                      states[one->state], one->restores);
        if (one->kind == ACT_DELETE) {
            (void)fprintf(file, " having seen ~%06u~ ~%06u~", one->seen[0], one->seen[1]);
        }
        (void)fputc('\n', file);
    }
    for (unsigned i = 0; i < self->task_count; i++) {
        (void)fprintf(file, "task %u: %" PRId64 "\n", i, self->tasks[i].id);
    }
    return fclose(file) == 0;
}

void token_write(unsigned number, char out[TOKEN_SIZE]) {
    (void)snprintf(out, TOKEN_SIZE, "~%06u~", number % 1000000);
}

unsigned token_find(const void *bytes, size_t size, size_t *after) {
    const char *text = bytes;

    for (size_t at = after != NULL ? *after : 0; at + TOKEN_SIZE - 1 <= size; at++) {
        unsigned number = 0;
        size_t digits = 1;
        while (text[at] == '~' && digits < 7 && text[at + digits] >= '0' &&
               text[at + digits] <= '9') {
            number = number * 10 + (unsigned)(text[at + digits++] - '0');
        }
        if (digits == 7 && text[at + 7] == '~') {
            if (after != NULL) {
                *after = at + TOKEN_SIZE - 1;
            }
            return number;
        }
    }
    return 0;
}

unsigned token_in(const char *text) {
    return text != NULL ? token_find(text, strlen(text), NULL) : 0;
}
