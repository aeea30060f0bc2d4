/*
 * admin/rotation.c - rove-hq keys: the key of the server and the one that is to come, the same of the authority, which devices
 * know them, and the rotation from one to the other.
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

/* What there is, in hexadecimal; "": there is none. */
typedef struct names {
    char own[TRAIL_PIN_SIZE];
    char next[TRAIL_PIN_SIZE];
    char authority[TRAIL_PIN_SIZE];
    char next_authority[TRAIL_PIN_SIZE];
    char former_authority[TRAIL_PIN_SIZE];
} names;

static rove_status name_authority(const hq_ports *ports, const rove_pki_bytes *certificate,
                                  char text[TRAIL_PIN_SIZE]) {
    uint8_t hash[ROVE_SHA256_SIZE];
    text[0] = '\0';
    if (certificate->size == 0) {
        return ROVE_OK;
    }
    rove_status status = trust_authority(ports, certificate, hash);
    if (status == ROVE_OK) {
        trail_pin_text(hash, text);
    }
    return status;
}

static rove_status read_names(hq *headquarters, names *out) {
    const hq_ports *ports = hq_get_ports(headquarters);
    const hq_keys *keys = hq_get_keys(headquarters);
    trail_pin_text(keys->own.pin, out->own);
    out->next[0] = '\0';
    if (keys->next.signer != NULL) {
        trail_pin_text(keys->next.pin, out->next);
    }
    rove_status status = name_authority(ports, &keys->ca, out->authority);
    if (status == ROVE_OK) {
        status = name_authority(ports, &keys->ca_next, out->next_authority);
    }
    return status == ROVE_OK ? name_authority(ports, &keys->ca_former, out->former_authority)
                             : status;
}

static int print_text(const listing *self, const names *all) {
    const rotate_count *count = &self->count;
    hq_print(self->io, "The server's key:      %s\n", all->own);
    hq_print(self->io, "The next key:          %s\n",
             all->next[0] != '\0' ? all->next : "none; make it: rove-hq keys next");
    hq_print(self->io, "The authority:         %s\n", all->authority);
    if (all->next_authority[0] != '\0') {
        hq_print(self->io, "The next authority:    %s\n", all->next_authority);
    }
    if (all->former_authority[0] != '\0') {
        hq_print(self->io, "The former authority:  %s\n", all->former_authority);
    }
    hq_print(self->io, "%llu of %llu devices know what there is to know.\n",
             (unsigned long long)count->knowing, (unsigned long long)count->devices);
    if (count->knowing < count->devices) {
        print_waiting(self);
    }
    return HQ_EXIT_DONE;
}

static json_t *text_or_null(const char *text) {
    return text[0] != '\0' ? json_string(text) : json_null();
}

static int status_of_keys(hq *headquarters, const hq_io *io) {
    listing self = {.headquarters = headquarters, .io = io, .waiting = json_array()};
    names all;
    rove_error error = {0};
    int result = HQ_EXIT_DONE;
    rove_status status = hq_read(headquarters, list, &self, &error);
    if (status == ROVE_OK) {
        status = read_names(headquarters, &all);
    }
    if (status != ROVE_OK) {
        result = hq_failed(io, status, &error);
    } else if (io->json) {
        return hq_print_json(io,
                             json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "pin", all.own,
                                       "next", text_or_null(all.next), "authority", all.authority,
                                       "next_authority", text_or_null(all.next_authority),
                                       "former_authority", text_or_null(all.former_authority),
                                       "devices", (json_int_t)self.count.devices, "know",
                                       (json_int_t)self.count.knowing, "waiting", self.waiting));
    } else {
        result = print_text(&self, &all);
    }
    json_decref(self.waiting);
    return result;
}

/* ---- next, rotate, end ---------------------------------------------------------------------------------- */

static int make_next(hq *headquarters, const hq_io *io, int authority, int replace) {
    names all;
    rove_error error = {0};
    int made = 0;
    rove_status status = authority ? rotate_next_authority(headquarters, io, replace, &made, &error)
                                   : rotate_next(headquarters, io, replace, &made, &error);
    if (status == ROVE_OK) {
        status = read_names(headquarters, &all);
    }
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    const char *next = authority ? all.next_authority : all.next;
    const char *what = authority ? "authority" : "key";
    if (io->json) {
        return hq_print_json(io, json_pack("{s:s, s:b}", "next", next, "made", made));
    }
    hq_print(io, "%s%s%s\n\n    %s\n\n", made ? "The next " : "There is a next ", what,
             made ? " is made:" : " already:", next);
    hq_print(io,
             "Each device hears of it when it comes next; rove-hq keys says who knows it.\n"
             "Copy %s to where your copy of the keys is.\n",
             authority ? "ca-next.key and ca-next.der" : "server-next.key");
    return HQ_EXIT_DONE;
}

/* What became of a rotation, or of the end of the former authority. */
static int tell(const hq_io *io, rove_status status, const rotate_count *count,
                const rove_error *error, const char *name, const char *id, const char *sentence) {
    unsigned long long out = (unsigned long long)(count->devices - count->knowing);
    if (status == ROVE_STATE && !io->json && out > 0) {
        hq_complain(io,
                    "rove-hq: %s\nWhom --force locks out needs a fresh invitation; what he has not "
                    "sent is kept.\n",
                    error->message);
        return HQ_EXIT_FAILED;
    }
    if (status != ROVE_OK) {
        return hq_failed(io, status, error);
    }
    if (io->json) {
        return hq_print_json(io, json_pack("{s:s, s:I, s:I}", name, id, "devices",
                                           (json_int_t)count->devices, "know",
                                           (json_int_t)count->knowing));
    }
    hq_print(io, "%s", sentence);
    if (out > 0) {
        hq_print(io, "%llu of %llu devices are locked out: invite their users again.\n", out,
                 (unsigned long long)count->devices);
    }
    return HQ_EXIT_DONE;
}

static int run_rotate(hq *headquarters, const hq_io *io, int authority, int force) {
    rotate_count count;
    names all = {.own = ""};
    rove_error error = {0};
    rove_status status = authority ? rotate_authority(headquarters, io, force, &count, &error)
                                   : rotate_server(headquarters, io, force, &count, &error);
    if (status == ROVE_OK) {
        status = read_names(headquarters, &all);
    }
    if (authority) {
        return tell(
            io, status, &count, &error, "authority", all.authority,
            "The next authority is the authority; new connections get a certificate of it "
            "at once.\nCopy ca.key, ca.der, ca-former.der and server.der to where your copy "
            "of the keys is. When\nall devices have come (rove-hq keys): rove-hq keys "
            "end\n");
    }
    return tell(io, status, &count, &error, "pin", all.own,
                "The next key is the server's; new connections get it at once. Copy server.key "
                "and server.der to\nwhere your copy of the keys is. Invitations that are open name "
                "the former key: make new ones.\n");
}

static int run_end(hq *headquarters, const hq_io *io, int force) {
    rotate_count count;
    names all = {.own = ""};
    rove_error error = {0};
    rove_status status = rotate_end(headquarters, io, force, &count, &error);
    if (status == ROVE_OK) {
        status = read_names(headquarters, &all);
    }
    return tell(io, status, &count, &error, "authority", all.authority,
                "What the former authority has issued counts no more. Destroy your copies of its "
                "key.\n");
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    int authority = 0;
    int replace = 0;
    int force = 0;
    int count = 0;
    const hq_option options[] = {{"--authority", NULL, &authority},
                                 {"--replace", NULL, &replace},
                                 {"--force", NULL, &force},
                                 {NULL, NULL, NULL}};
    int usage = hq_arguments(io, &hq_command_keys, options, argc, argv, 0, 1, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    const char *what = count == 0 ? "status" : argv[1];
    if (strcmp(what, "status") == 0 && !authority && !replace && !force) {
        return status_of_keys(headquarters, io);
    }
    if (strcmp(what, "next") == 0 && !force) {
        return make_next(headquarters, io, authority, replace);
    }
    if (strcmp(what, "rotate") == 0 && !replace) {
        return run_rotate(headquarters, io, authority, force);
    }
    if (strcmp(what, "end") == 0 && !authority && !replace) {
        return run_end(headquarters, io, force);
    }
    return hq_usage(io, &hq_command_keys, "keys, keys next, keys rotate, or keys end");
}

const hq_command hq_command_keys = {
    .name = "keys",
    .usage = "[status] | next [--authority] [--replace] | rotate [--authority] [--force] | end "
             "[--force]",
    .summary = "rotate the server's key or the authority, while devices are away",
    .help =
        "Devices know the server by its key, and by the authority. next makes the key that is to "
        "come, and\n"
        "each device is told of it when it comes; keys says which devices know it, and which do "
        "not yet.\n"
        "rotate makes it the server's key: a device that was told finds the server by it, also "
        "after weeks.\n"
        "rotate refuses while some do not know it; --force locks those out until their users are "
        "invited\n"
        "again, with their unsent work kept. next --replace makes another next key, should that "
        "one have\n"
        "become known. With --authority all that is about the authority, which issues "
        "certificates: the former\n"
        "one's stay good until all devices have new ones, and end makes that so.\n\n"
        "    rove-hq keys next\n    rove-hq keys\n    rove-hq keys rotate\n"
        "    rove-hq keys next --authority\n    rove-hq keys rotate --authority\n"
        "    rove-hq keys end\n",
    .run = run};
