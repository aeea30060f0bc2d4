/*
 * assign/command_offboard.c - rove-hq offboard: what was done, what is to be handed over, and what may have left the house
 * in the last days.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/commands.h"
#include "args.h"
#include "assign/offboard.h"
#include "base/stamp.h"
#include "base/text.h"
#include "print.h"
#include "traffic.h"

#define ALARM_DAYS 30
#define DAY_MS     INT64_C(86400000)
#define NOTE_MAX   200
#define ID_TEXT    24

/* ---- what may have left the house ------------------------------------------------------------------------- */

typedef struct alarms {
    const offboard *done;
    rove__hq_tx *tx;
    int64_t since_ms;
    json_t *list; /* {at, what, who, detail}, newest first within each kind */
} alarms;

static rove_status add_alarm(alarms *self, int64_t at_ms, const char *what, const char *who,
                             const char *detail) {
    json_t *alarm = json_pack("{s:o, s:s, s:o, s:o}", "at", hq_json_time(at_ms), "what", what,
                              "who", hq_json_text(who), "detail", hq_json_text(detail));
    return json_array_append_new(self->list, alarm) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    alarms *self = ctx;
    if (act->at_ms < self->since_ms) {
        return ROVE_OK; /* clocks are set: an older number may have a later time */
    }
    if (strcmp(act->act, "export") == 0 || strcmp(act->act, "backup") == 0) {
        return add_alarm(self, act->at_ms, act->act, act->operator_name, act->detail);
    }
    return ROVE_OK;
}

/* Days on which a device took everything: once is what it takes to begin, and to be looked at all the same. */
static rove_status add_downloads(alarms *self, rove_replica replica) {
    traffic_day days[TRAFFIC_DAYS];
    char detail[120];
    size_t count = 0;
    rove_status status = traffic_read(self->done->headquarters, self->tx, replica, days, &count);
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        int64_t at_ms = days[i].day * DAY_MS;
        if (days[i].downloads > 0 && at_ms + DAY_MS > self->since_ms) {
            rove__text_format(detail, sizeof detail,
                              "device %u: %llu full downloads, %llu KiB in all that day",
                              (unsigned)replica, (unsigned long long)days[i].downloads,
                              (unsigned long long)(days[i].bytes / 1024));
            status = add_alarm(self, at_ms, "download", self->done->user.name, detail);
        }
    }
    return status;
}

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    alarms *self = ctx;
    char detail[120];
    rove_status status = ROVE_OK;
    if (device->enrolled_ms >= self->since_ms) {
        rove__text_format(detail, sizeof detail, "device %u was enrolled",
                          (unsigned)device->replica);
        status = add_alarm(self, device->enrolled_ms, "enroll", self->done->user.name, detail);
    }
    return status == ROVE_OK ? add_downloads(self, device->replica) : status;
}

static rove_status gather(void *ctx, rove__hq_tx *tx, rove_error *error) {
    alarms *self = ctx;
    const rove__hq_database *database = hq_database(self->done->headquarters);
    (void)error;
    self->tx = tx;
    rove_status status = database->store.device_scan(tx, self->done->user.id, each_device, self);
    return status == ROVE_OK ? database->directory.act_scan(tx, each_act, self) : status;
}

/* ---- the report ------------------------------------------------------------------------------------------- */

static json_t *device_json(const rove__hq_device *device) {
    return json_pack("{s:I, s:o, s:o, s:s}", "replica", (json_int_t)device->replica, "enrolled",
                     hq_json_time(device->enrolled_ms), "contact", hq_json_time(device->contact_ms),
                     "app", device->app);
}

static const char *entity_name(const offboard *done, const offboard_root *root) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(done->headquarters), root->entity);
    return entity != NULL ? entity->name : "?";
}

static json_t *root_json(const offboard *done, const offboard_root *root) {
    char id[ID_TEXT];
    rove__text_format(id, sizeof id, "%lld", (long long)root->id);
    return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I}", "entity", entity_name(done, root), "id",
                     id, "external_id", hq_json_text(root->external_id), "name",
                     hq_json_text(root->name), "tasks", (json_int_t)root->tasks, "visits",
                     (json_int_t)root->visits, "in_review", (json_int_t)root->reviews);
}

static json_t *person_json(const hq_person *person) {
    char id[ID_TEXT];
    rove__text_format(id, sizeof id, "%lld", (long long)person->id);
    return json_pack("{s:s, s:o}", "id", id, "name", hq_json_text(person->name));
}

static int report_json(const offboard *done, const alarms *found) {
    json_t *devices = json_array();
    json_t *roots = json_array();
    for (size_t i = 0; i < done->device_count; i++) {
        (void)json_array_append_new(devices, device_json(&done->devices[i]));
    }
    for (size_t i = 0; i < done->root_count; i++) {
        (void)json_array_append_new(roots, root_json(done, &done->roots[i]));
    }
    json_t *document = json_pack(
        "{s:o, s:o, s:b, s:b, s:o, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
        " s:o, s:O}",
        "user", person_json(&done->user), "to", person_json(&done->to), "dry_run", done->dry_run,
        "did", offboard_did(done), "devices", devices, "wipes_ordered", (json_int_t)done->wipes,
        "codes_closed", (json_int_t)done->codes, "left", done->left, "accounts",
        (json_int_t)done->count.accounts, "leads", (json_int_t)done->count.leads, "contacts",
        (json_int_t)done->count.contacts, "tasks", (json_int_t)done->count.tasks, "visits",
        (json_int_t)done->count.visits, "apart", (json_int_t)done->apart, "assignments_ended",
        (json_int_t)done->grants, "in_review", (json_int_t)done->reviews, "parked",
        (json_int_t)done->parked, "hand_over", roots, "alarms", found->list);
    return hq_print_json(done->io, document);
}

static void print_devices(const offboard *done) {
    for (size_t i = 0; i < done->device_count; i++) {
        const rove__hq_device *device = &done->devices[i];
        char contact[ROVE_TIME_TEXT_SIZE] = "never";
        if (device->contact_ms != 0) {
            rove__time_format(device->contact_ms, contact);
        }
        hq_print(done->io, "  device %u revoked; last contact %s\n", (unsigned)device->replica,
                 contact);
    }
}

static void print_hand_over(const offboard *done) {
    size_t quiet = 0;
    int head = 0;
    for (size_t i = 0; i < done->root_count; i++) {
        const offboard_root *root = &done->roots[i];
        if (root->tasks + root->visits + root->reviews == 0) {
            quiet++;
            continue;
        }
        if (!head) {
            hq_print(done->io, "\nTo hand over:\n  %-8s %-20s %-32s %5s %6s %s\n", "ENTITY", "ID",
                     "NAME", "TASKS", "VISITS", "IN REVIEW");
            head = 1;
        }
        char id[ID_TEXT];
        rove__text_format(id, sizeof id, "%lld", (long long)root->id);
        hq_print(done->io, "  %-8s %-20s %-*s %5llu %6llu %llu\n", entity_name(done, root),
                 root->external_id[0] != '\0' ? root->external_id : id, hq_width(root->name, 32),
                 root->name, (unsigned long long)root->tasks, (unsigned long long)root->visits,
                 (unsigned long long)root->reviews);
    }
    if (quiet > 0) {
        hq_print(done->io, "  %zu more with nothing to do (--json lists them)\n", quiet);
    }
}

static void print_alarms(const offboard *done, const alarms *found) {
    size_t i = 0;
    const json_t *alarm = NULL;
    if (json_array_size(found->list) > 0) {
        hq_print(done->io, "\nLook at these of the last %d days:\n", ALARM_DAYS);
    }
    for (; (alarm = json_array_get(found->list, i)) != NULL; i++) {
        hq_print(done->io, "  %s  %-8s %-12s %s\n", json_string_value(json_object_get(alarm, "at")),
                 json_string_value(json_object_get(alarm, "what")),
                 json_string_value(json_object_get(alarm, "who")),
                 json_string_value(json_object_get(alarm, "detail")));
    }
}

static int report_text(const offboard *done, const alarms *found) {
    const hq_io *io = done->io;
    if (!offboard_did(done)) {
        hq_print(io, "There is nothing left to do: %s has left.\n", done->user.name);
    } else {
        hq_print(io,
                 "%s has left; to %s: %llu accounts, %llu leads, %llu contacts, %llu open "
                 "tasks, %llu planned visits%s\n",
                 done->user.name, done->to.name, (unsigned long long)done->count.accounts,
                 (unsigned long long)done->count.leads, (unsigned long long)done->count.contacts,
                 (unsigned long long)done->count.tasks, (unsigned long long)done->count.visits,
                 done->dry_run ? " (a dry run: nothing was changed)" : "");
        print_devices(done);
        hq_print(io,
                 "  %zu ordered to wipe, %zu open invitations closed, %llu other assignments "
                 "ended\n",
                 done->wipes, done->codes, (unsigned long long)done->grants);
    }
    if (done->apart > 0) {
        hq_print(io,
                 "  %llu of the tasks and visits are about records that %s does not hold: "
                 "rove-hq assign\n",
                 (unsigned long long)done->apart, done->to.name);
    }
    if (done->reviews + done->parked > 0) {
        hq_print(io,
                 "  %llu edits wait in review (rove-hq review), %llu for a record that a "
                 "device still has\n",
                 (unsigned long long)done->reviews, (unsigned long long)done->parked);
    }
    print_hand_over(done);
    print_alarms(done, found);
    return HQ_EXIT_DONE;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    offboard self = {.headquarters = headquarters, .io = io};
    const hq_option options[] = {{"--to", &self.to_text, NULL},
                                 {"--note", &self.note, NULL},
                                 {"--dry-run", NULL, &self.dry_run},
                                 {NULL, NULL, NULL}};
    alarms found = {.done = &self};
    rove_error error = {0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_offboard, options, argc, argv, 1, 1, &count);
    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (self.to_text == NULL) {
        return hq_usage(io, &hq_command_offboard, "say --to whom the work passes");
    }
    if (self.note != NULL && strlen(self.note) > NOTE_MAX) {
        return hq_usage(io, &hq_command_offboard, "--note takes 200 bytes at most");
    }
    self.user_text = argv[1];
    found.since_ms = hq_now_ms(headquarters) - ALARM_DAYS * DAY_MS;
    found.list = json_array();
    rove_status status = offboard_run(&self, &error);
    if (status == ROVE_OK) {
        status = hq_read(headquarters, gather, &found, &error);
    }
    result = status != ROVE_OK ? hq_failed(io, status, &error)
             : io->json        ? report_json(&self, &found)
                               : report_text(&self, &found);
    json_decref(found.list);
    offboard_free(&self);
    return result;
}

const hq_command hq_command_offboard = {
    .name = "offboard",
    .usage = "USER --to USER [--note TEXT] [--dry-run]",
    .summary = "somebody leaves: devices, invitations and work in one act",
    .help =
        "In one transaction: all devices of the first user are revoked and ordered to wipe "
        "themselves, his\n"
        "open invitations closed, his record says that he has left, and everything that he owns, "
        "holds or\n"
        "has to do passes to the second user, as with reassign; what passes to nobody, as dead "
        "leads, he\n"
        "holds no longer. If it is interrupted, nothing was done; done again, there is nothing "
        "left "
        "to do.\n\n"
        "Printed are the records with open tasks, planned visits or edits in review, and what to "
        "look "
        "at\n"
        "of the last 30 days: devices of his that were enrolled, full downloads, exports, backups. "
        "A\n"
        "revoked device sends nothing any more: let it sync before, if you can. --note goes into "
        "the\n"
        "record of acts. --dry-run shows everything and changes nothing.\n\n"
        "    rove-hq offboard pamela --to linda --dry-run\n"
        "    rove-hq offboard pamela --to linda --note 'last day 31 January'\n",
    .run = run};
