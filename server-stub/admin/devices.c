/*
 * admin/devices.c - devices and revoke: which replicas there are, and taking one out of service. A revoked device
 * is refused on its next request, also on a connection that is open, and if it waits for news at once.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "args.h"
#include "base/text.h"
#include "orders.h"
#include "print.h"
#include "wake.h"

#define DETAIL_MAX 400

static const char *status_name(rove__device_status status) {
    switch (status) {
    case ROVE_DEVICE_ACTIVE:
        return "active";
    case ROVE_DEVICE_REVOKED:
        return "revoked";
    case ROVE_DEVICE_REPLACED:
        return "replaced";
    }
    return "?";
}

/* ---- devices -------------------------------------------------------------------------------------------- */

typedef struct listing {
    hq *headquarters;
    rove__hq_device *devices;
    size_t count;
    json_t *array;
    const hq_io *io;
} listing;

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    listing *self = ctx;
    if (self->count % 64 == 0) {
        rove__hq_device *more = realloc(self->devices, (self->count + 64) * sizeof *self->devices);
        if (more == NULL) {
            return ROVE_NOMEM;
        }
        self->devices = more;
    }
    self->devices[self->count++] = *device;
    return ROVE_OK;
}

/* What was ordered last, "lock", "unlock" or "wipe"; "locked", "unlocked" or "wiped" once the device has said so. */
static const char *order_state(const hq_order *order) {
    if (order->wiped_ms != 0) {
        return "wiped";
    }
    if (order->order.kind == ROVE_ORDER_WIPE) {
        return "wipe";
    }
    if (order->unlocked_ms != 0) {
        return "unlocked";
    }
    return order->lifted_ms != 0 ? "unlock" : order->locked_ms != 0 ? "locked" : "lock";
}

static json_t *order_json(const hq_order *order) {
    if (order->order.kind == 0 && order->wiped_ms == 0) {
        return json_null();
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "state", order_state(order),
        "given", hq_json_time(order->order.given_ms), "until", hq_json_time(order->order.until_ms),
        "fetched", hq_json_time(order->fetched_ms), "locked", hq_json_time(order->locked_ms),
        "lifted", hq_json_time(order->lifted_ms), "unlocked", hq_json_time(order->unlocked_ms),
        "wiped", hq_json_time(order->wiped_ms), "sealed_batches", (json_int_t)order->batches,
        "sealed_changes", (json_int_t)order->changes, "records_left", (json_int_t)order->left);
}

static json_t *device_json(const rove__hq_device *device, const hq_person *person,
                           const hq_order *order) {
    return json_pack(
        "{s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:s, s:o}", "replica",
        (json_int_t)device->replica, "user", (json_int_t)device->user, "name", person->name,
        "status", status_name(device->status), "enrolled", hq_json_time(device->enrolled_ms),
        "certificate_until", hq_json_time(device->certificate_until_ms), "contact",
        hq_json_time(device->contact_ms), "wall_offset_ms", (json_int_t)device->wall_offset_ms,
        "cursor", (json_int_t)device->cursor, "former", (json_int_t)device->former, "app",
        device->app, "order", order_json(order));
}

static void event_text(const hq_io *io, const char *event, int64_t ms) {
    char when[ROVE_TIME_TEXT_SIZE];
    if (ms != 0) {
        rove__time_format(ms, when);
        hq_print(io, "            %-15s  %s\n", event, when);
    }
}

static void order_text(const hq_io *io, const hq_order *order) {
    event_text(io, order->order.kind == ROVE_ORDER_WIPE ? "ordered to wipe" : "ordered to lock",
               order->order.given_ms);
    event_text(io, "fetched", order->fetched_ms);
    event_text(io, "locked", order->locked_ms);
    event_text(io, "lifted", order->lifted_ms);
    event_text(io, "unlocked", order->unlocked_ms);
    event_text(io, "wiped", order->wiped_ms);
    if (order->wiped_ms != 0) {
        hq_print(io, "            %u batches with %u changes sealed, %u records left\n",
                 (unsigned)order->batches, (unsigned)order->changes, (unsigned)order->left);
    }
}

static void device_text(const hq_io *io, const rove__hq_device *device, const hq_person *person) {
    char contact[ROVE_TIME_TEXT_SIZE] = "never";
    if (device->contact_ms != 0) {
        rove__time_format(device->contact_ms, contact);
    }
    hq_print(io, "%-11u %-9s %-24s  %-*s  %llu\n", (unsigned)device->replica,
             status_name(device->status), contact, hq_width(person->name, 24), person->name,
             (unsigned long long)device->cursor);
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;
    rove_status status =
        hq_database(self->headquarters)->store.device_scan(tx, 0, each_device, self);
    if (status == ROVE_OK && !self->io->json) {
        hq_print(self->io, "%-11s %-9s %-24s  %-24s  %s\n", "REPLICA", "STATUS", "LAST CONTACT",
                 "USER", "CURSOR");
    }
    for (size_t i = 0; i < self->count && status == ROVE_OK; i++) {
        hq_person person = {0};
        status = hq_get_person(self->headquarters, tx, self->devices[i].user, &person, error);
        if (status == ROVE_NOT_FOUND) {
            rove__text_format(person.name, sizeof person.name, "(deleted)");
            status = ROVE_OK;
        }
        hq_order order;
        if (status == ROVE_OK) {
            status = hq_order_get(self->headquarters, tx, self->devices[i].replica, &order);
            status = status == ROVE_NOT_FOUND ? ROVE_OK : status;
        }
        if (status == ROVE_OK && self->io->json) {
            (void)json_array_append_new(self->array,
                                        device_json(&self->devices[i], &person, &order));
        } else if (status == ROVE_OK) {
            device_text(self->io, &self->devices[i], &person);
            order_text(self->io, &order);
        }
    }
    return status;
}

static int run_devices(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option options[] = {{NULL, NULL, NULL}};
    listing self = {.headquarters = headquarters, .io = io};
    rove_error error = {0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_devices, options, argc, argv, 0, 0, &count);
    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.array = json_array();
    rove_status status = hq_read(headquarters, list, &self, &error);
    if (status != ROVE_OK) {
        json_decref(self.array);
        result = hq_failed(io, status, &error);
    } else if (io->json) {
        result = hq_print_json(io, self.array);
    } else {
        json_decref(self.array);
    }
    free(self.devices);
    return result;
}

const hq_command hq_command_devices = {
    .name = "devices",
    .usage = "",
    .summary = "list the devices, their users and when they last came",
    .help =
        "One line per device: its replica number, status, last contact, user, and how far it has\n"
        "come in the stream of changes (the head is in rove-hq status). Below it, what it was "
        "ordered\n"
        "to do last, and when: when it fetched the order, when it said, signed, that it had "
        "locked\n"
        "itself, had opened again after the order was lifted, or had wiped itself, and how much\n"
        "unsent work it sealed before.\n\n"
        "    rove-hq devices\n",
    .run = run_devices};

/* ---- revoke --------------------------------------------------------------------------------------------- */

typedef struct revoking {
    hq *headquarters;
    const hq_io *io;
    const char *reason;
    rove_replica replica;
    rove_id user;
    int already;
} revoking;

static rove_status revoke(void *ctx, rove__hq_tx *tx, rove_error *error) {
    revoking *self = ctx;
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove__hq_device device;
    char detail[DETAIL_MAX];
    rove_status status = store->device_get(tx, self->replica, 1, &device);
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, status, "There is no device %u. rove-hq devices lists them.",
                               (unsigned)self->replica);
    }
    self->already = status == ROVE_OK && device.status == ROVE_DEVICE_REVOKED;
    if (status != ROVE_OK || self->already) {
        return status;
    }
    self->user = device.user;
    device.status = ROVE_DEVICE_REVOKED;
    status = store->device_put(tx, &device);
    if (status == ROVE_OK) {
        rove__text_format(detail, sizeof detail, "device %u of user %lld%s%s",
                          (unsigned)self->replica, (long long)device.user,
                          self->reason == NULL ? "" : ": ",
                          self->reason == NULL ? "" : self->reason);
        status = hq_record(self->headquarters, tx, self->io, "revoke", detail, 0);
    }
    return status;
}

static int run_revoke(hq *headquarters, const hq_io *io, int argc, char **argv) {
    revoking self = {.headquarters = headquarters, .io = io};
    const hq_option options[] = {{"--reason", &self.reason, NULL}, {NULL, NULL, NULL}};
    rove_error error = {0};
    int64_t replica = 0;
    int count = 0;
    int usage = hq_arguments(io, &hq_command_revoke, options, argc, argv, 1, 1, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    if (!hq_number(argv[1], 1, ROVE_REPLICA_MAX, &replica)) {
        return hq_usage(io, &hq_command_revoke, "a device is named by its replica number");
    }
    self.replica = (rove_replica)replica;
    rove_status status = hq_commit(headquarters, revoke, &self, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    wake_device(hq_get_wake(headquarters), self.user, self.replica);
    if (io->json) {
        return hq_print_json(
            io, json_pack("{s:I, s:s}", "replica", (json_int_t)replica, "status", "revoked"));
    }
    hq_print(io,
             self.already ? "Device %lld was revoked already.\n"
                          : "Device %lld is revoked. Its next request is refused.\n",
             (long long)replica);
    return HQ_EXIT_DONE;
}

const hq_command hq_command_revoke = {
    .name = "revoke",
    .usage = "REPLICA [--reason TEXT]",
    .summary = "take a device out of service",
    .help =
        "The device is refused on its next request, on open connections too, and for ever: to "
        "bring\n"
        "it back, its user enrols it again with a new code. What it sent before stays. The reason\n"
        "goes into the record of administrative acts.\n\n"
        "    rove-hq revoke 1804289383 --reason 'lost in Lyon'\n",
    .run = run_revoke};
