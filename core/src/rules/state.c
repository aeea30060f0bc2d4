/*
 * rules/state.c - which change a record's state allows: sealed records, and the state machines of visits
 * and leads.
 *
 * A sealed record never changes, whoever asks; only another seal is let through, for headquarters to keep
 * as a conflict (P11). A machine holds for reps; headquarters may put a record into any state.
 *
 * A write may skip states on the way forward, as if each had been entered for a moment. One state of a
 * machine may lead back to its beginning; it is passed through only where several acts were folded into one
 * write, because between its edits a device keeps only the last value. Where the author had not seen what
 * stands, nothing is refused here: the merge decides.
 */
#include "base/assert.h"
#include "base/text.h"
#include "rules/rules.h"

#include "rove/entities.pb-c.h"

#define STATES_MAX 8
#define BIT(state) (1u << (state))

typedef struct machine {
    const ProtobufCMessageDescriptor *entity;
    const char *field;
    unsigned next[STATES_MAX]; /* bits of the states that may follow, by state */
    unsigned again;            /* bits of the states that lead back to the beginning */
} machine;

#define VISIT(state) ROVE__VISIT__STATUS__##state
#define LEAD(state)  ROVE__LEAD__STATUS__##state

static const machine machines[] = {
    /* Work that was done counts, also where the visit had been given up. */
    {.entity = &rove__visit__descriptor,
     .field = "status",
     .next = {[VISIT(PLANNED)] =
                  BIT(VISIT(IN_PROGRESS)) | BIT(VISIT(CANCELLED)) | BIT(VISIT(MISSED)),
              [VISIT(IN_PROGRESS)] =
                  BIT(VISIT(COMPLETED)) | BIT(VISIT(CANCELLED)) | BIT(VISIT(MISSED)),
              [VISIT(CANCELLED)] = BIT(VISIT(COMPLETED)),
              [VISIT(MISSED)] = BIT(VISIT(COMPLETED))}},
    {.entity = &rove__lead__descriptor,
     .field = "status",
     .next = {[LEAD(NEW)] = BIT(LEAD(ASSIGNED)),
              [LEAD(ASSIGNED)] = BIT(LEAD(IN_PROCESS)),
              [LEAD(IN_PROCESS)] = BIT(LEAD(CONVERTED)) | BIT(LEAD(RECYCLED)) | BIT(LEAD(DEAD)),
              [LEAD(RECYCLED)] = BIT(LEAD(NEW))},
     .again = BIT(LEAD(RECYCLED))},
};

/* Bits of all states that can be reached in one step or more. */
static unsigned reachable(const machine *m, unsigned from, int folded) {
    unsigned reached = m->next[from];
    unsigned before = 0;

    while (reached != before) {
        before = reached;
        for (unsigned state = 0; state < STATES_MAX; state++) {
            int through = folded || (BIT(state) & m->again) == 0;
            if ((before & BIT(state)) != 0 && through) {
                reached |= m->next[state];
            }
        }
    }
    return reached;
}

static int allowed(const machine *m, const rove_value *from, const rove_value *to, int folded) {
    if (from->type == ROVE_NULL || rove__value_equal(from, to)) {
        return 1;
    }
    if (to->type != ROVE_INT || to->as.integer < 0 || to->as.integer >= STATES_MAX ||
        from->as.integer < 0 || from->as.integer >= STATES_MAX) {
        return 0;
    }
    return (reachable(m, (unsigned)from->as.integer, folded) & BIT(to->as.integer)) != 0;
}

static const char *state_name(const rove__field *field, const rove_value *value) {
    const char *name =
        value->type == ROVE_INT ? rove__field_enum_name(field, value->as.integer) : NULL;

    return name == NULL ? "nothing" : name;
}

static rove_status run(const machine *m, const rove__write *write, rove_error *error) {
    const rove__row *after = write->after;
    int at = rove__entity_field_named(after->entity, m->field);
    size_t ordinal = (size_t)at;
    const rove__field *field = NULL;

    ROVE_ASSERT(at >= 0);
    if (!rove__bits_get(&after->present, ordinal) ||
        (write->unseen != NULL && rove__bits_get(write->unseen, ordinal)) ||
        allowed(m, &write->before->cells[ordinal], &after->cells[ordinal], write->folded)) {
        return ROVE_OK;
    }
    field = &after->entity->fields[ordinal];
    return rove__error_set(error, ROVE_STATE, "%s.%s cannot change from %s to %s.",
                           after->entity->name, field->name,
                           state_name(field, &write->before->cells[ordinal]),
                           state_name(field, &after->cells[ordinal]));
}

static int holds(const rove__row *row, int ordinal) {
    return row != NULL && ordinal >= 0 && row->cells[ordinal].type != ROVE_NULL;
}

static rove_status sealed_record(const rove__write *write, const rove__entity *entity,
                                 rove_error *error) {
    int at = entity->seal_field;
    const rove__row *before = write->op == ROVE_OP_INSERT ? NULL : write->before;

    if (write->op == ROVE_OP_SEAL) {
        if (at < 0) {
            return rove__error_set(error, ROVE_STATE, "Records of %s are never sealed.",
                                   entity->name);
        }
        if (!holds(write->after, at)) {
            return rove__error_set(error, ROVE_REQUIRED, "%s.%s is required to seal the record.",
                                   entity->name, entity->fields[at].name);
        }
        return ROVE_OK;
    }
    if (holds(before, at)) {
        return rove__error_set(error, ROVE_STATE,
                               "This %s is sealed and never changes; a correction is a new record.",
                               entity->name);
    }
    if (write->op == ROVE_OP_UPDATE && write->actor == ROVE_ACTOR_REP && holds(write->after, at)) {
        return rove__error_set(error, ROVE_STATE, "%s.%s is set only by sealing the record.",
                               entity->name, entity->fields[at].name);
    }
    return ROVE_OK;
}

rove_status rove__rule_state(const rove__write *write, rove_error *error) {
    const rove__row *row = write->after != NULL ? write->after : write->before;
    rove_status status = sealed_record(write, row->entity, error);

    if (status != ROVE_OK || write->actor == ROVE_ACTOR_HQ || write->op != ROVE_OP_UPDATE ||
        write->before == NULL || write->after == NULL) {
        return status;
    }
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (machines[i].entity == row->entity->message) {
            return run(&machines[i], write, error);
        }
    }
    return ROVE_OK;
}
