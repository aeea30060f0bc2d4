/*
 * admin/status.c - status: where headquarters stands, in one page.
 */
#include <string.h>

#include "admin/certificate.h"
#include "admin/commands.h"
#include "args.h"
#include "print.h"

typedef struct standing {
    hq *headquarters;
    rove__hq_head head;
    uint64_t rows[ROVE_ENTITIES_MAX];
    uint64_t rows_total;
    uint64_t devices[ROVE_DEVICE_REPLACED + 1];
    uint64_t reviews;
    uint64_t parked;
    int64_t backup_ms;
    int64_t yesterday_ms; /* a day before now */
    uint64_t quotas;      /* devices that had more than their share since then */
    uint64_t contests;    /* devices that won nearly all contests since then */
    rove_pki_server certificate;
    int certificate_ends;
} standing;

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    standing *self = ctx;
    if (device->status >= ROVE_DEVICE_ACTIVE && device->status <= ROVE_DEVICE_REPLACED) {
        self->devices[device->status]++;
    }
    return ROVE_OK;
}

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    standing *self = ctx;
    int recent = act->at_ms > self->yesterday_ms;
    self->quotas += recent && strcmp(act->act, "quota") == 0;
    self->contests += recent && strcmp(act->act, "contests") == 0;
    if (self->backup_ms == 0 && strcmp(act->act, "backup") == 0) {
        self->backup_ms = act->at_ms;
    }
    return self->backup_ms != 0 && !recent ? ROVE_DONE : ROVE_OK;
}

static rove_status count_rows(standing *self, rove__hq_tx *tx) {
    const rove__registry *registry = hq_registry(self->headquarters);
    rove_status status = ROVE_OK;
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        status =
            hq_database(self->headquarters)
                ->directory.row_count(tx, rove__registry_at(registry, i)->number, &self->rows[i]);
        self->rows_total += self->rows[i];
    }
    return status;
}

static rove_status look(void *ctx, rove__hq_tx *tx, rove_error *error) {
    standing *self = ctx;
    uint64_t bytes = 0;
    const rove__hq_database *database = hq_database(self->headquarters);
    (void)error;
    rove_status status = database->store.head_get(tx, &self->head);
    if (status == ROVE_OK) {
        status = count_rows(self, tx);
    }
    if (status == ROVE_OK) {
        status = database->store.device_scan(tx, 0, each_device, self);
    }
    if (status == ROVE_OK) {
        status = database->store.review_load(tx, 0, &self->reviews);
    }
    if (status == ROVE_OK) {
        status = database->store.parked_load(tx, 0, &self->parked, &bytes);
    }
    if (status == ROVE_OK) {
        status = database->directory.act_scan(tx, each_act, self);
    }
    return status;
}

static int print_json(const standing *self, const hq_io *io, uint64_t bytes) {
    const rove__registry *registry = hq_registry(self->headquarters);
    json_t *entities = json_object();
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        if (self->rows[i] > 0) {
            (void)json_object_set_new(entities, rove__registry_at(registry, i)->name,
                                      json_integer((json_int_t)self->rows[i]));
        }
    }
    return hq_print_json(
        io,
        json_pack(
            "{s:s, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I}, s:I, s:I, s:o, s:I, s:I,"
            " s:o, s:b, s:I, s:I, s:I}",
            "folder", hq_folder(self->headquarters), "timeline", (json_int_t)self->head.timeline,
            "head", (json_int_t)self->head.seq, "replica", (json_int_t)self->head.replica, "rows",
            (json_int_t)self->rows_total, "entities", entities, "devices", "active",
            (json_int_t)self->devices[ROVE_DEVICE_ACTIVE], "revoked",
            (json_int_t)self->devices[ROVE_DEVICE_REVOKED], "replaced",
            (json_int_t)self->devices[ROVE_DEVICE_REPLACED], "reviews", (json_int_t)self->reviews,
            "parked", (json_int_t)self->parked, "backup", hq_json_time(self->backup_ms),
            "backup_head", (json_int_t)self->head.safe, "bytes", (json_int_t)bytes,
            "certificate_until", hq_json_time(self->certificate.not_after_ms), "renew_server",
            self->certificate_ends, "purged_head", (json_int_t)self->head.purged, "over_quota",
            (json_int_t)self->quotas, "contest_alarms", (json_int_t)self->contests));
}

static void print_text(const standing *self, const hq_io *io, uint64_t bytes) {
    const rove__registry *registry = hq_registry(self->headquarters);
    char backup[ROVE_TIME_TEXT_SIZE] = "never";
    char until[ROVE_TIME_TEXT_SIZE];
    if (self->backup_ms != 0) {
        rove__time_format(self->backup_ms, backup);
    }
    rove__time_format(self->certificate.not_after_ms, until);
    hq_print(io,
             "folder    %s\n"
             "timeline  %llu, head %llu, headquarters is replica %u\n"
             "devices   %llu active, %llu revoked, %llu replaced\n"
             "review    %llu open, %llu edits wait for a record that a device still has\n"
             "backup    %s, up to head %llu\n"
             "server    its certificate is good until %s%s\n"
             "purged    up to head %llu\n"
             "database  %llu bytes, %llu rows\n",
             hq_folder(self->headquarters), (unsigned long long)self->head.timeline,
             (unsigned long long)self->head.seq, (unsigned)self->head.replica,
             (unsigned long long)self->devices[ROVE_DEVICE_ACTIVE],
             (unsigned long long)self->devices[ROVE_DEVICE_REVOKED],
             (unsigned long long)self->devices[ROVE_DEVICE_REPLACED],
             (unsigned long long)self->reviews, (unsigned long long)self->parked, backup,
             (unsigned long long)self->head.safe, until,
             self->certificate_ends ? ". RENEW IT: rove-hq renew-server" : "",
             (unsigned long long)self->head.purged, (unsigned long long)bytes,
             (unsigned long long)self->rows_total);
    if (self->quotas > 0) {
        hq_print(io, "traffic   %llu devices had more than their share of a day: rove-hq acts\n",
                 (unsigned long long)self->quotas);
    }
    if (self->contests > 0) {
        hq_print(io, "contests  %llu devices won nearly all of theirs in a day: rove-hq acts\n",
                 (unsigned long long)self->contests);
    }
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        if (self->rows[i] > 0) {
            hq_print(io, "  %-24s %llu\n", rove__registry_at(registry, i)->name,
                     (unsigned long long)self->rows[i]);
        }
    }
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option options[] = {{NULL, NULL, NULL}};
    standing self = {.headquarters = headquarters,
                     .yesterday_ms = hq_now_ms(headquarters) - INT64_C(86400000)};
    rove__hq_database *database = hq_database(headquarters);
    rove_error error = {0};
    int count = 0;
    int usage = hq_arguments(io, &hq_command_status, options, argc, argv, 0, 0, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    rove_status status = hq_read(headquarters, look, &self, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    self.certificate_ends = hq_certificate_ends(headquarters, &self.certificate);
    uint64_t bytes = database->size_bytes(database);
    if (io->json) {
        return print_json(&self, io, bytes);
    }
    print_text(&self, io, bytes);
    return HQ_EXIT_DONE;
}

const hq_command hq_command_status = {
    .name = "status",
    .usage = "",
    .summary = "where headquarters stands: head, devices, rows, review, backup, certificate",
    .help =
        "The timeline is drawn afresh each time the database is opened; the head counts committed\n"
        "transactions. Rows are counted by entity.\n\n"
        "    rove-hq status\n    rove-hq --json status\n",
    .run = run};
