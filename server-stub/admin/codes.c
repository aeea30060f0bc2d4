/*
 * admin/codes.c - enroll-code: a one-time invitation for one user's device. Only the hash of its secret is kept.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "args.h"
#include "base/text.h"
#include "keys.h"
#include "print.h"
#include "sync/enroll.h"

#define MINUTES_DEFAULT 15
#define MINUTES_MAX     (7 * 24 * 60)
#define TRIES           5

typedef struct inviting {
    hq *headquarters;
    const hq_io *io;
    const char *user_text;
    int64_t minutes;
    rove__hq_code code;
    hq_person person;
} inviting;

static rove_status put_code(void *ctx, rove__hq_tx *tx, rove_error *error) {
    inviting *self = ctx;
    char detail[ROVE_TEXT_MAX + 64];
    rove_status status =
        hq_find_person(self->headquarters, tx, self->user_text, &self->person, error);
    if (status == ROVE_OK && self->person.status > 1) {
        return rove__error_set(error, ROVE_STATE, "%.100s is suspended or has left.",
                               self->person.name);
    }
    if (status == ROVE_OK) {
        self->code.user = self->person.id;
        self->code.made_ms = hq_now_ms(self->headquarters);
        self->code.until_ms = self->code.made_ms + self->minutes * 60000;
        self->code.tries_left = TRIES;
        status = hq_database(self->headquarters)->directory.code_put(tx, &self->code);
    }
    if (status == ROVE_OK) {
        rove__text_format(detail, sizeof detail, "user %lld, %lld minutes",
                          (long long)self->person.id, (long long)self->minutes);
        status = hq_record(self->headquarters, tx, self->io, "enroll-code", detail, 0);
    }
    return status;
}

static rove_status invite(inviting *self, char text[ROVE_INVITATION_SIZE], rove_error *error) {
    rove__invitation invitation;
    const hq_ports *ports = hq_get_ports(self->headquarters);
    memcpy(invitation.pin, hq_get_keys(self->headquarters)->own.pin, sizeof invitation.pin);
    rove_status status =
        ports->random.fill(ports->random.ctx, invitation.code, sizeof invitation.code);
    if (status == ROVE_OK) {
        status = rove__code_secret(invitation.code, &ports->crypto, self->code.hash);
    }
    if (status == ROVE_OK) {
        status = rove__invitation_format(&invitation, &ports->crypto, text);
    }
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, put_code, self, error);
    }
    return status;
}

static int print_invitation(const inviting *self, const char *text) {
    if (self->io->json) {
        return hq_print_json(self->io,
                             json_pack("{s:s, s:I, s:s, s:o}", "invitation", text, "user",
                                       (json_int_t)self->person.id, "name", self->person.name,
                                       "until", hq_json_time(self->code.until_ms)));
    }
    hq_print(self->io,
             "Invitation for %s, good for one device and %lld minutes:\n\n    %s\n\n"
             "On the device: rove enroll https://HOST:PORT INVITATION\n",
             self->person.name, (long long)self->minutes, text);
    return HQ_EXIT_DONE;
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    inviting self = {.headquarters = headquarters, .io = io, .minutes = MINUTES_DEFAULT};
    const char *minutes = NULL;
    const hq_option options[] = {
        {"--user", &self.user_text, NULL}, {"--minutes", &minutes, NULL}, {NULL, NULL, NULL}};
    char text[ROVE_INVITATION_SIZE];
    rove_error error = {0};
    int count = 0;
    int usage = hq_arguments(io, &hq_command_enroll_code, options, argc, argv, 0, 0, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    if (self.user_text == NULL) {
        return hq_usage(io, &hq_command_enroll_code, "say for whom: --user NAME");
    }
    if (minutes != NULL && !hq_number(minutes, 1, MINUTES_MAX, &self.minutes)) {
        return hq_usage(io, &hq_command_enroll_code, "--minutes is a number from 1 to 10080");
    }
    rove_status status = invite(&self, text, &error);
    return status == ROVE_OK ? print_invitation(&self, text) : hq_failed(io, status, &error);
}

const hq_command hq_command_enroll_code = {
    .name = "enroll-code",
    .usage = "--user USER [--minutes N]",
    .summary = "make a one-time invitation for a user's device",
    .help =
        "USER is a login, an external id, an id or a name. The invitation is good for one device, "
        "five\n"
        "tries and 15 minutes unless --minutes says otherwise. It carries the fingerprint of this\n"
        "server, so that the device trusts nobody else; pass it on by a way that you trust.\n\n"
        "    rove-hq enroll-code --user jo.field\n",
    .run = run};
