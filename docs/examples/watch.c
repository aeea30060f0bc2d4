/*
 * watch.c - sync when headquarters says that something changed, and as often as it wants to be asked anyway. An app gives
 * this loop a thread while it is in front. Here nobody is there to wait at, and the loop ends instead of trying again.
 *
 *     example_watch [URL CODE]      with an address and a code of your own headquarters, until that goes away
 */
#include "example.h"

typedef struct pause {
    rove *replica;
    int64_t sync_ms; /* when the next sync is due, trusted time */
} pause;

/* Asked a few times a second. An app would also look whether it is still in front, and whether there is work to send. */
static int is_over(void *ctx) {
    const pause *self = ctx;
    return rove_now_ms(self->replica) >= self->sync_ms;
}

/* Until it is time for the next sync. *retry_ms: how long to do without such a wait, if it fails. */
static rove_status wait_for_news(pause *self, const rove_transport *transport, int64_t *retry_ms,
                                 rove_error *error) {
    rove_wait_options options = {.size = sizeof options, .cancelled = is_over, .ctx = self};
    rove_wait *wait = NULL;

    rove_status status = rove_wait_new(self->replica, transport, &wait, error);
    if (status == ROVE_OK) {
        do {
            status = rove_wait_run(wait, &options, retry_ms, error);
        } while (status == ROVE_DONE);
    }
    rove_wait_free(wait);
    return status;
}

int main(int argc, char **argv) {
    int real = argc == 3;
    rove_ports ports;
    rove_transport waiting; /* of its own, for a wait takes minutes */
    rove_error error = {.message = ""};
    rove_sync_report report;
    rove_status synced = ROVE_OK;
    rove_status waited = ROVE_OK;
    rove *replica = NULL;
    int64_t retry_ms = 0;

    if (rove_posix_ports_new(&ports) != ROVE_OK ||
        rove_posix_transport_new(&waiting, &ports.allocator) != ROVE_OK) {
        return 1;
    }
    if (real) {
        EXAMPLE_OK(rove_open(&ports, "example_watch", &replica, &error), &error);
        EXAMPLE_OK(rove_enroll(replica, argv[1], argv[2], &error), &error);
    } else {
        rove_posix_ports_free(&ports);
        example_ports(&ports);
        replica = example_open(&ports, "example_watch");
    }
    while (waited == ROVE_OK || waited == ROVE_CANCELLED) {
        synced = rove_sync(replica, NULL, &report, &error);
        pause until = {replica, report.next_sync_ms};
        waited = wait_for_news(&until, real ? &waiting : &ports.transport, &retry_ms, &error);
    }
    printf("%s Listening again in %lld s; the next sync is due in %lld s.\n",
           rove_status_text(waited), (long long)retry_ms / 1000,
           (long long)(report.next_sync_ms - rove_now_ms(replica)) / 1000);

    rove_close(replica);
    rove_posix_transport_free(&waiting);
    if (real) {
        rove_posix_ports_free(&ports);
        return 0;
    }
    example_ports_free(&ports);
    return synced == ROVE_NETWORK && waited == ROVE_NETWORK && retry_ms > 0 ? 0 : 1;
}
