/*
 * admin/certificate.c - rove-hq renew-server: a new certificate for the key that the server has, so that devices, which
 * know the key, notice nothing. A running server shows it from the next connection on.
 */
#include "admin/certificate.h"

#include <string.h>

#include "admin/commands.h"
#include "args.h"
#include "base/stamp.h"
#include "base/text.h"
#include "keys.h"
#include "print.h"

#define DETAIL_MAX 800

int hq_certificate_ends(hq *headquarters, rove_pki_server *certificate) {
    const rove_pki_bytes *der = &hq_get_keys(headquarters)->server;
    memset(certificate, 0, sizeof *certificate);
    if (rove_pki_server_read(der->data, der->size, certificate, NULL) != ROVE_OK) {
        return 1;
    }
    return certificate->not_after_ms - hq_now_ms(headquarters) < HQ_CERTIFICATE_WARN_MS;
}

typedef struct renewing {
    hq *headquarters;
    const hq_io *io;
    char detail[DETAIL_MAX];
} renewing;

static rove_status record(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const renewing *self = ctx;
    (void)error;
    return hq_record(self->headquarters, tx, self->io, "renew-server", self->detail, 0);
}

static void describe(const rove_pki_server *certificate, char *text) {
    char until[ROVE_TIME_TEXT_SIZE];
    rove__time_format(certificate->not_after_ms, until);
    rove__text_format(text, DETAIL_MAX, "until %s for", until);
    for (size_t i = 0; i < certificate->name_count; i++) {
        size_t used = strlen(text);
        rove__text_format(text + used, DETAIL_MAX - used, "%s %s", i == 0 ? "" : ",",
                          certificate->names[i]);
    }
}

static int tell(const renewing *self, const rove_pki_server *certificate) {
    json_t *names = json_array();
    if (!self->io->json) {
        json_decref(names);
        hq_print(self->io,
                 "The server's certificate is good %s. Its key is the same: devices notice\n"
                 "nothing. New connections get it at once.\n",
                 self->detail);
        return HQ_EXIT_DONE;
    }
    for (size_t i = 0; i < certificate->name_count; i++) {
        (void)json_array_append_new(names, json_string(certificate->names[i]));
    }
    return hq_print_json(
        self->io,
        json_pack("{s:o, s:o}", "until", hq_json_time(certificate->not_after_ms), "hosts", names));
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option options[] = {{NULL, NULL, NULL}};
    renewing self = {.headquarters = headquarters, .io = io};
    const char *hosts[ROVE_PKI_NAMES_MAX];
    rove_pki_server certificate;
    rove_error error = {0};
    size_t host_count = 0;
    int count = 0;
    argc = hq_take_all("--host", argc, argv, hosts, ROVE_PKI_NAMES_MAX, &host_count);
    int usage = hq_arguments(io, &hq_command_renew_server, options, argc, argv, 0, 0, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    rove_status status = hq_renew_server(headquarters, hosts, host_count, &error);
    if (status == ROVE_OK) {
        (void)hq_certificate_ends(headquarters, &certificate);
        describe(&certificate, self.detail);
        status = hq_commit(headquarters, record, &self, &error);
    }
    return status == ROVE_OK ? tell(&self, &certificate) : hq_failed(io, status, &error);
}

const hq_command hq_command_renew_server = {
    .name = "renew-server",
    .usage = "[--host HOST]...",
    .summary = "renew the server's own certificate",
    .help = "The certificate is good for 825 days; rove-hq status says until when, and reminds you "
            "30 days\n"
            "before. A renewed one has the same key, which devices know, so they notice nothing; a "
            "running\n"
            "server shows it from the next connection on. --host, as often as needed, replaces the "
            "names\n"
            "and addresses under which devices reach this server; without it they stay.\n\n"
            "    rove-hq renew-server\n"
            "    rove-hq renew-server --host hq.acme.example --host 192.0.2.7\n",
    .run = run};
