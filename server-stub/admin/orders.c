/*
 * admin/orders.c - lock, unlock and wipe: orders to devices (orders.h). From the commit on a device with an order is refused
 * everything else; one that waits for news learns so at once, the others when they ask next.
 */
#include <string.h>

#include "admin/commands.h"
#include "args.h"
#include "base/text.h"
#include "orders.h"
#include "print.h"
#include "wake.h"

#define DETAIL_MAX 400

typedef struct ordering {
    hq *headquarters;
    const hq_io *io;
    const char *act; /* "lock", "unlock", "wipe" */
    const char *reason;
    rove_replica replica;
    int64_t days;
    rove_id user;
    int fresh;
} ordering;

static rove_status record(ordering *self, rove__hq_tx *tx) {
    char detail[DETAIL_MAX];
    rove__text_format(detail, sizeof detail, "device %u of user %lld%s%s", (unsigned)self->replica,
                      (long long)self->user, self->reason == NULL ? "" : ": ",
                      self->reason == NULL ? "" : self->reason);
    return hq_record(self->headquarters, tx, self->io, self->act, detail, 0);
}

static rove_status order(void *ctx, rove__hq_tx *tx, rove_error *error) {
    ordering *self = ctx;
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove__hq_device device;
    int wipe = strcmp(self->act, "wipe") == 0;
    rove_status status = store->device_get(tx, self->replica, 1, &device);
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, status, "There is no device %u. rove-hq devices lists them.",
                               (unsigned)self->replica);
    }
    if (status != ROVE_OK) {
        return status;
    }
    self->user = device.user;
    if (strcmp(self->act, "unlock") == 0) {
        self->fresh = 1;
        status = hq_order_lift(self->headquarters, tx, self->replica, error);
    } else {
        status = hq_order_give(self->headquarters, tx, self->replica,
                               wipe ? ROVE_ORDER_WIPE : ROVE_ORDER_LOCK, (int)self->days,
                               &self->fresh, error);
    }
    if (status == ROVE_OK && wipe && device.status != ROVE_DEVICE_REVOKED) {
        device.status = ROVE_DEVICE_REVOKED;
        status = store->device_put(tx, &device);
    }
    return status == ROVE_OK && self->fresh ? record(self, tx) : status;
}

static int run(ordering *self, const hq_command *command, const hq_option *options, int argc,
               char **argv, const char **days) {
    rove_error error = {0};
    int64_t replica = 0;
    int count = 0;
    int usage = hq_arguments(self->io, command, options, argc, argv, 1, 1, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    self->days = HQ_ORDER_DAYS;
    if (!hq_number(argv[1], 1, ROVE_REPLICA_MAX, &replica)) {
        return hq_usage(self->io, command, "a device is named by its replica number");
    }
    if (*days != NULL && !hq_number(*days, 1, HQ_ORDER_DAYS_MAX, &self->days)) {
        return hq_usage(self->io, command, "--days is a number from 1 to 3650");
    }
    self->replica = (rove_replica)replica;
    rove_status status = hq_commit(self->headquarters, order, self, &error);
    if (status != ROVE_OK) {
        return hq_failed(self->io, status, &error);
    }
    wake_device(hq_get_wake(self->headquarters), self->user, self->replica);
    if (self->io->json) {
        return hq_print_json(self->io, json_pack("{s:I, s:s, s:b}", "replica", (json_int_t)replica,
                                                 "order", self->act, "given", self->fresh));
    }
    return HQ_EXIT_DONE;
}

static int run_lock(hq *headquarters, const hq_io *io, int argc, char **argv) {
    ordering self = {.headquarters = headquarters, .io = io, .act = "lock"};
    const char *days = NULL;
    const hq_option options[] = {
        {"--days", &days, NULL}, {"--reason", &self.reason, NULL}, {NULL, NULL, NULL}};
    int result = run(&self, &hq_command_lock, options, argc, argv, &days);
    if (result == HQ_EXIT_DONE && !io->json) {
        hq_print(io,
                 self.fresh ? "Device %u locks itself when it comes next.\n"
                            : "Device %u is ordered to lock itself already.\n",
                 (unsigned)self.replica);
    }
    return result;
}

static int run_unlock(hq *headquarters, const hq_io *io, int argc, char **argv) {
    ordering self = {.headquarters = headquarters, .io = io, .act = "unlock"};
    const char *days = NULL;
    const hq_option options[] = {{"--reason", &self.reason, NULL}, {NULL, NULL, NULL}};
    int result = run(&self, &hq_command_unlock, options, argc, argv, &days);
    if (result == HQ_EXIT_DONE && !io->json) {
        hq_print(io, "Device %u is unlocked by its next sync.\n", (unsigned)self.replica);
    }
    return result;
}

static int run_wipe(hq *headquarters, const hq_io *io, int argc, char **argv) {
    ordering self = {.headquarters = headquarters, .io = io, .act = "wipe"};
    const char *days = NULL;
    const hq_option options[] = {
        {"--days", &days, NULL}, {"--reason", &self.reason, NULL}, {NULL, NULL, NULL}};
    int result = run(&self, &hq_command_wipe, options, argc, argv, &days);
    if (result == HQ_EXIT_DONE && !io->json) {
        hq_print(io,
                 self.fresh ? "Device %u is revoked, and wipes itself when it comes next.\n"
                            : "Device %u is ordered to wipe itself already.\n",
                 (unsigned)self.replica);
    }
    return result;
}

const hq_command hq_command_lock = {
    .name = "lock",
    .usage = "REPLICA [--days N] [--reason TEXT]",
    .summary = "order a device to lock itself",
    .help = "The device is refused from now on. When it asks next it gets the order, overwrites "
            "its keys\n"
            "and shows nothing more, until the order is lifted (rove-hq unlock), or N days have "
            "passed\n"
            "(365 if it is not said), and it has synced. Unsent work stays in it.\n\n"
            "    rove-hq lock 1804289383 --reason 'mislaid'\n",
    .run = run_lock};

const hq_command hq_command_unlock = {
    .name = "unlock",
    .usage = "REPLICA [--reason TEXT]",
    .summary = "lift the order to lock",
    .help = "The device is let in again, and unlocked by its next sync.\n\n"
            "    rove-hq unlock 1804289383 --reason 'found'\n",
    .run = run_unlock};

const hq_command hq_command_wipe = {
    .name = "wipe",
    .usage = "REPLICA [--days N] [--reason TEXT]",
    .summary = "revoke a device, and order it to wipe itself",
    .help =
        "The device is revoked. When it asks next it gets the order, seals its unsent work so "
        "that\n"
        "headquarters alone can read it, and wipes the rest. The order holds for N days, 365 if it "
        "is\n"
        "not said; a device that never asks is not reached. It cannot be lifted. rove-hq devices\n"
        "shows whether it was carried out.\n\n"
        "    rove-hq wipe 1804289383 --reason 'stolen'\n",
    .run = run_wipe};
