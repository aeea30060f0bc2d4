/*
 * admin/rotation.c - rove-hq keys: the key of the server and the one that is to come, which devices know them, and the
 * rotation from one to the other.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "args.h"
#include "base/stamp.h"
#include "base/text.h"
#include "print.h"
#include "rotate.h"
#include "trail.h"
#include "trust.h"

/* ---- who knows them ------------------------------------------------------------------------------------- */

typedef struct listing {
    hq *headquarters;
    const hq_io *io;
    rove__hq_tx *tx;
    trust now;
    rotate_count count;
    json_t *waiting; /* without --json: what is printed */
} listing;

static rove_status describe(listing *self, const rove__hq_device *device) {
    hq_person person = {0};
    rove_status status = hq_get_person(self->headquarters, self->tx, device->user, &person, NULL);
    if (status == ROVE_NOT_FOUND) {
        rove__text_format(person.name, sizeof person.name, "(deleted)");
        status = ROVE_OK;
    }
    if (status == ROVE_OK &&
        json_array_append_new(
            self->waiting, json_pack("{s:I, s:I, s:s, s:o}", "replica", (json_int_t)device->replica,
                                     "user", (json_int_t)device->user, "name", person.name,
                                     "contact", hq_json_time(device->contact_ms))) != 0) {
        status = ROVE_NOMEM;
    }
    return status;
}

static rove_status each_device(void *ctx, const rove__hq_device *device, const trust *has) {
    listing *self = ctx;
    self->count.devices++;
    if (trust_equal(has, &self->now)) {
        self->count.knowing++;
        return ROVE_OK;
    }
    return describe(self, device);
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;
    (void)error;
    self->tx = tx;
    rove_status status =
        trust_now(hq_get_ports(self->headquarters), hq_get_keys(self->headquarters), &self->now);
    return status == ROVE_OK ? trust_scan(self->headquarters, tx, each_device, self) : status;
}

static void print_waiting(const listing *self) {
    size_t i = 0;
    json_t *device = NULL;
    hq_print(self->io, "These have not come for it yet:\n\n%-11s %-24s  USER\n", "REPLICA",
             "LAST CONTACT");
    json_array_foreach(self->waiting, i, device) {
        const char *contact = json_string_value(json_object_get(device, "contact"));
        hq_print(self->io, "%-11lld %-24s  %s\n",
                 (long long)json_integer_value(json_object_get(device, "replica")),
                 contact != NULL ? contact : "never",
                 json_string_value(json_object_get(device, "name")));
    }
}

static int print_text(const listing *self, const char *own, const char *next) {
    const rotate_count *count = &self->count;
    hq_print(self->io, "The server's key:  %s\n", own);
    hq_print(self->io, "The next key:      %s\n",
             next[0] != '\0' ? next : "none; make it: rove-hq keys next");
    hq_print(self->io, "%llu of %llu devices know what there is to know.\n",
             (unsigned long long)count->knowing, (unsigned long long)count->devices);
    if (count->knowing < count->devices) {
        print_waiting(self);
    }
    return HQ_EXIT_DONE;
}

static int status_of_keys(hq *headquarters, const hq_io *io) {
    const hq_keys *keys = hq_get_keys(headquarters);
    listing self = {.headquarters = headquarters, .io = io, .waiting = json_array()};
    char own[TRAIL_PIN_SIZE];
    char next[TRAIL_PIN_SIZE] = "";
    rove_error error = {0};
    rove_status status = hq_read(headquarters, list, &self, &error);
    int result = HQ_EXIT_DONE;
    trail_pin_text(keys->own.pin, own);
    if (keys->next.signer != NULL) {
        trail_pin_text(keys->next.pin, next);
    }
    if (status != ROVE_OK) {
        result = hq_failed(io, status, &error);
    } else if (io->json) {
        return hq_print_json(io,
                             json_pack("{s:s, s:o, s:I, s:I, s:o}", "pin", own, "next",
                                       next[0] != '\0' ? json_string(next) : json_null(), "devices",
                                       (json_int_t)self.count.devices, "know",
                                       (json_int_t)self.count.knowing, "waiting", self.waiting));
    } else {
        result = print_text(&self, own, next);
    }
    json_decref(self.waiting);
    return result;
}

/* ---- next, rotate --------------------------------------------------------------------------------------- */

static int make_next(hq *headquarters, const hq_io *io, int replace) {
    char pin[TRAIL_PIN_SIZE];
    rove_error error = {0};
    int made = 0;
    rove_status status = rotate_next(headquarters, io, replace, &made, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    trail_pin_text(hq_get_keys(headquarters)->next.pin, pin);
    if (io->json) {
        return hq_print_json(io, json_pack("{s:s, s:b}", "next", pin, "made", made));
    }
    hq_print(
        io,
        "%s\n\n    %s\n\nEach device hears of it when it comes next; rove-hq keys says who "
        "knows it.\n"
        "Copy server-next.key to where your copy of the keys is.\n",
        made ? "The next key is made; its pin:" : "There is a next key already; its pin:", pin);
    return HQ_EXIT_DONE;
}

static int run_rotate(hq *headquarters, const hq_io *io, int force) {
    char pin[TRAIL_PIN_SIZE];
    rotate_count count;
    rove_error error = {0};
    rove_status status = rotate_server(headquarters, io, force, &count, &error);
    unsigned long long out = (unsigned long long)(count.devices - count.knowing);
    if (status == ROVE_STATE && !io->json) {
        hq_complain(io,
                    "rove-hq: %s\nWhom --force locks out needs a fresh invitation; what he has not "
                    "sent is kept.\n",
                    error.message);
        return HQ_EXIT_FAILED;
    }
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    trail_pin_text(hq_get_keys(headquarters)->own.pin, pin);
    if (io->json) {
        return hq_print_json(io, json_pack("{s:s, s:I, s:I}", "pin", pin, "devices",
                                           (json_int_t)count.devices, "know",
                                           (json_int_t)count.knowing));
    }
    hq_print(io,
             "The server has a new key; new connections get it at once. Its pin:\n\n    %s\n\n"
             "Copy server.key and server.der to where your copy of the keys is. Invitations that "
             "are open name\nthe former key: make new ones.\n",
             pin);
    if (out > 0) {
        hq_print(io,
                 "%llu of %llu devices did not know it: invite their users again (rove-hq keys "
                 "names them).\n",
                 out, (unsigned long long)count.devices);
    }
    return HQ_EXIT_DONE;
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    int replace = 0;
    int force = 0;
    int count = 0;
    const hq_option options[] = {
        {"--replace", NULL, &replace}, {"--force", NULL, &force}, {NULL, NULL, NULL}};
    int usage = hq_arguments(io, &hq_command_keys, options, argc, argv, 0, 1, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    const char *what = count == 0 ? "status" : argv[1];
    if (strcmp(what, "status") == 0 && !replace && !force) {
        return status_of_keys(headquarters, io);
    }
    if (strcmp(what, "next") == 0 && !force) {
        return make_next(headquarters, io, replace);
    }
    if (strcmp(what, "rotate") == 0 && !replace) {
        return run_rotate(headquarters, io, force);
    }
    return hq_usage(io, &hq_command_keys, "keys, keys next, or keys rotate");
}

const hq_command hq_command_keys = {
    .name = "keys",
    .usage = "[status] | next [--replace] | rotate [--force]",
    .summary = "rotate the server's key, while devices are away",
    .help =
        "Devices know the server by its key. next makes the key that is to come, and each device "
        "is told\n"
        "its pin when it comes; keys says which devices know it, and which do not yet. rotate "
        "makes it the\n"
        "server's key: a device that was told finds the server by it, also after weeks. rotate "
        "refuses while\n"
        "some do not know it; --force locks those out until their users are invited again, with "
        "their\n"
        "unsent work kept. next --replace makes another next key, should that one have become "
        "known.\n\n"
        "    rove-hq keys next\n    rove-hq keys\n    rove-hq keys rotate\n",
    .run = run};
