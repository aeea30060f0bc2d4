/*
 * watch.c - sync when headquarters says that something changed, and as often as it wants to be asked anyway. An app gives
 * this loop a thread while it is in front. Here nobody is there to wait at, and the loop ends instead of trying again.
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

int main(void) {
    rove_ports ports;
    rove_transport waiting;
    rove_error error = {.message = ""};
    rove_sync_report report;
    rove_status synced = ROVE_OK;
    rove_status waited = ROVE_OK;
    int64_t retry_ms = 0;

    example_ports(&ports);
    waiting =
        ports.transport; /* an app: another rove_posix_transport_new, for a wait takes minutes */
    rove *replica = example_open(&ports, "example_watch");
    while (waited == ROVE_OK || waited == ROVE_CANCELLED) {
        synced = rove_sync(replica, NULL, &report, &error);
        pause until = {replica, report.next_sync_ms};
        waited = wait_for_news(&until, &waiting, &retry_ms, &error);
    }
    printf("%s Listening again in %lld s; the next sync is due in %lld s.\n",
           rove_status_text(waited), (long long)retry_ms / 1000,
           (long long)(report.next_sync_ms - rove_now_ms(replica)) / 1000);

    rove_close(replica);
    example_ports_free(&ports);
    return synced == ROVE_NETWORK && waited == ROVE_NETWORK && retry_ms > 0 ? 0 : 1;
}
