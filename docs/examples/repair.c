/*
 * repair.c - what needs the rep's eye, and what he can do about it: writes that headquarters refused, values that met
 * unseen, rows that this version cannot show, and a check of the file. Here there is none of the first three, because
 * no headquarters has answered; the last one always has something to say.
 */
#include "example.h"

/* What a screen of refused writes keeps: here only the last one. */
typedef struct seen {
    int64_t number;
    size_t count;
} seen;

static rove_status see_rejection(void *ctx, const rove_rejection *rejection) {
    seen *s = ctx;

    printf("%s %lld was refused: %s\n", rejection->entity, (long long)rejection->id,
           rejection->reason);
    s->number = rejection->number;
    s->count++;
    return ROVE_OK;
}

/* Puts a refused write right, as the rep says, or gives it up; never one of both without asking him. */
static rove_status answer(rove *replica, int64_t number, const char *name, rove_error *error) {
    rove_field fix = {"name", rove_text(name)};

    return name != NULL ? rove_rejection_retry(replica, number, &fix, 1, error)
                        : rove_rejection_discard(replica, number, error);
}

static rove_status see_field(void *ctx, const rove_refused_field *field) {
    (void)ctx;
    if (field->value.type == ROVE_TEXT) {
        printf("  %s: %.*s\n", field->name, (int)field->value.size,
               (const char *)field->value.as.data);
    }
    return ROVE_OK;
}

/* What he wrote about a customer that he had lost without knowing. */
static rove_status see_review(void *ctx, const rove_review *review) {
    size_t *count = ctx;

    printf("%s %lld: %s%s%s\n", review->entity, (long long)review->id, review->state,
           review->by[0] != '\0' ? " by " : "", review->by);
    *count += 1;
    return ROVE_OK;
}

static rove_status see_conflict(void *ctx, const rove_conflict *conflict) {
    seen *s = ctx;

    if (conflict->open) {
        printf("%s %lld, %s: somebody else wrote it at the same time\n", conflict->entity,
               (long long)conflict->id, conflict->field);
        s->number = conflict->number;
        s->count++;
    }
    return ROVE_OK;
}

static rove_status see_quarantined(void *ctx, const rove_quarantined *row) {
    size_t *count = ctx;

    printf("%s %lld cannot be shown by this version: %s\n", row->entity, (long long)row->id,
           row->reason);
    *count += 1;
    return ROVE_OK;
}

int main(void) {
    rove_ports ports;
    rove_error error = {.message = ""};
    seen refused = {0, 0};
    seen unseen = {0, 0};
    size_t aside = 0;
    size_t reviewed = 0;
    uint64_t left = 0;
    uint64_t records = 0;
    rove_id id = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_repair");
    rove_field shop[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", shop, 1, &id, &error), &error);

    EXAMPLE_OK(rove_rejections(replica, see_rejection, &refused, &error), &error);
    if (refused.count > 0) {
        EXAMPLE_OK(rove_rejection_read(replica, refused.number, see_field, NULL, &error), &error);
        EXAMPLE_OK(answer(replica, refused.number, "Ajax Bikes Ltd", &error), &error);
    }
    EXAMPLE_OK(rove_reviews(replica, see_review, &reviewed, &error), &error);
    EXAMPLE_OK(rove_conflicts(replica, NULL, see_conflict, &unseen, &error), &error);
    if (unseen.count > 0) {
        EXAMPLE_OK(rove_conflict_settle(replica, unseen.number, 1 /* restore */, &error), &error);
    }
    EXAMPLE_OK(rove_quarantine(replica, see_quarantined, &aside, &error), &error);
    EXAMPLE_OK(rove_quarantine_retry(replica, &left, &error), &error);
    EXAMPLE_OK(rove_verify(replica, &records, &error), &error);
    printf(
        "%zu refused, %zu conflicts, %llu set aside, %llu records are as headquarters has them\n",
        refused.count, unseen.count, (unsigned long long)left, (unsigned long long)records);

    /* Somebody may have answered it meanwhile, on another screen. */
    rove_status status = answer(replica, 1, NULL, &error);
    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_NOT_FOUND && left == 0 ? 0 : 1;
}
