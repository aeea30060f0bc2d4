/*
 * audit/command.c - rove-hq audit: what is not as it was signed.
 */
#include <inttypes.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "args.h"
#include "audit/records.h"
#include "base/text.h"
#include "print.h"

#define MINUTE_MS   INT64_C(60000)
#define MINUTES_MAX 525600

typedef struct auditing {
    hq *headquarters;
    const hq_io *io;
    const char *user;
    audit_scope scope;
    audit_result result;
    json_t *findings;
} auditing;

static const char *record_name(const auditing *self, uint32_t number) {
    const rove__entity *entity = rove__registry_by_number(hq_registry(self->headquarters), number);

    return entity != NULL ? entity->name : "record";
}

static rove_status tell(void *ctx, const audit_finding *f) {
    auditing *self = ctx;
    const char *entity = record_name(self, f->entity);
    const char *where = audit_where_name(f->where);
    char id[24];

    rove__text_format(id, sizeof id, "%" PRId64, f->id);
    if (!self->io->json) {
        hq_print(self->io, "%-8s  device %" PRIu32 "  %s %s%s%s%s  %s\n", audit_kind_name(f->kind),
                 f->replica, entity, id, f->where == AUDIT_IN_RECORD ? "" : " (",
                 f->where == AUDIT_IN_RECORD ? "" : where, f->where == AUDIT_IN_RECORD ? "" : ")",
                 f->text);
        return ROVE_OK;
    }
    json_t *object = json_pack("{s:s, s:b, s:I, s:I, s:s, s:s, s:s, s:s}", "what",
                               audit_kind_name(f->kind), "note", f->kind < AUDIT_NOTES, "device",
                               (json_int_t)f->replica, "seal", (json_int_t)f->ordinal, "entity",
                               entity, "id", id, "where", where, "text", f->text);
    return json_array_append_new(self->findings, object) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status audit(void *ctx, rove__hq_tx *tx, rove_error *error) {
    auditing *self = ctx;
    hq_person person = {.id = 0};
    rove_status status = ROVE_OK;

    if (self->user != NULL) {
        status = hq_find_person(self->headquarters, tx, self->user, &person, error);
    }
    self->scope.user = person.id;
    return status == ROVE_OK
               ? audit_run(self->headquarters, tx, &self->scope, tell, self, &self->result)
               : status;
}

static uint64_t sum(const audit_result *result, audit_kind from, audit_kind to) {
    uint64_t total = 0;

    for (audit_kind kind = from; kind < to; kind++) {
        total += result->found[kind];
    }
    return total;
}

static int conclude(auditing *self) {
    const audit_result *r = &self->result;
    uint64_t wrong = sum(r, AUDIT_NOTES, AUDIT_KINDS);
    int code = HQ_EXIT_DONE;

    if (!self->io->json) {
        hq_print(self->io,
                 "%" PRIu64 " sealed records, %" PRIu64 " seals of %" PRIu64 " devices, %" PRIu64
                 " without a signature: %" PRIu64 " findings.\n",
                 r->records, r->seals, r->devices, r->found[AUDIT_UNSIGNED], wrong);
    } else {
        code = hq_print_json(
            self->io, json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "records", (json_int_t)r->records,
                                "seals", (json_int_t)r->seals, "devices", (json_int_t)r->devices,
                                "unsigned", (json_int_t)r->found[AUDIT_UNSIGNED], "wrong",
                                (json_int_t)wrong, "findings", self->findings));
    }
    return wrong > 0 ? HQ_EXIT_FAILED : code;
}

static int run_audit(hq *headquarters, const hq_io *io, int argc, char **argv) {
    auditing self = {.headquarters = headquarters, .io = io};
    const char *device = NULL;
    const char *minutes = NULL;
    const hq_option table[] = {{"--user", &self.user, NULL},
                               {"--device", &device, NULL},
                               {"--minutes", &minutes, NULL},
                               {NULL, NULL, NULL}};
    rove_error error = {.code = 0};
    int64_t number = 0;
    int64_t limit = AUDIT_LATE_MS / MINUTE_MS;
    int count = 0;
    int result = hq_arguments(io, &hq_command_audit, table, argc, argv, 0, 0, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (device != NULL && !hq_number(device, 1, ROVE_REPLICA_MAX, &number)) {
        return hq_usage(io, &hq_command_audit, "--device takes a device's number");
    }
    if (minutes != NULL && !hq_number(minutes, 1, MINUTES_MAX, &limit)) {
        return hq_usage(io, &hq_command_audit, "--minutes takes a number from 1");
    }
    self.scope.replica = (rove_replica)number;
    self.scope.late_ms = limit * MINUTE_MS;
    self.findings = json_array();
    rove_status status = hq_read(headquarters, audit, &self, &error);
    result = status == ROVE_OK ? conclude(&self) : hq_failed(io, status, &error);
    json_decref(self.findings);
    return result;
}

const hq_command hq_command_audit = {
    .name = "audit",
    .usage = "[--user U] [--device N] [--minutes M]",
    .summary = "check what reps have signed",
    .help =
        "Every completed visit and call is signed by the device that sealed it, and names the one\n"
        "that the device sealed before. A line for each that is not as it was signed: edited, "
        "forged,\n"
        "missing, broken (names another one), forked (two devices went on as one), dated (its "
        "times\n"
        "are more than M minutes from when it was sealed, 15 if not said), suspect (the device "
        "could\n"
        "not know the time), mocked (a made-up position). merged, unsigned, renamed (what it is\n"
        "about has another id now) and unknown (a restored headquarters has lost the key) are no\n"
        "accusation. Work in review, returned or waiting for its record counts as it came.\n"
        "Exit status 1 if there is anything else. What a device has not sent yet cannot be "
        "missed.\n\n"
        "    rove-hq audit\n"
        "    rove-hq --json audit --user linda --minutes 120\n",
    .run = run_audit};
