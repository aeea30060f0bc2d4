/*
 * own_loop.c - one exchange by hand, for a host with a network stack of its own: Rove makes the body and takes the answer
 * in any portions, the host moves the bytes. Here there is no network, so the exchange fails, and the work stays.
 */
#include "example.h"

/* The host's stack: everything that rove/sys/transport.h asks of a transport (TLS 1.3, the private authority alone, the
 * pin, the name, validity by the time given). This one is out of reach. */
static rove_status host_send(const rove_request *request, const void *bytes, size_t size) {
    (void)bytes;
    printf("%s %s: %zu bytes\n", request->method, request->url, size);
    return ROVE_NETWORK;
}

static rove_status host_receive(void *bytes, size_t capacity, size_t *size) {
    (void)bytes;
    (void)capacity;
    *size = 0;
    return ROVE_NETWORK;
}

/* How the transfer ended; what is wrong with the exchange itself is said by rove_exchange_finish. */
static rove_status transfer(rove_exchange *exchange, rove_error *error) {
    rove_request request;
    char bytes[16384];
    size_t size = 1;

    rove_status status = rove_exchange_target(exchange, &request, error);
    while (status == ROVE_OK && size > 0) {
        status = rove_exchange_request(exchange, bytes, sizeof bytes, &size, error);
        if (status == ROVE_OK && size > 0) {
            status = host_send(&request, bytes, size);
        }
    }
    for (size = 1; status == ROVE_OK && size > 0;) {
        status = host_receive(bytes, sizeof bytes, &size);
        if (status == ROVE_OK) {
            status = rove_exchange_answer(exchange, bytes, size, error);
        }
    }
    return status;
}

/* Again and again as long as there is more to say. */
static rove_status reconcile(rove *replica, rove_sync_report *report, rove_error *error) {
    rove_status status = ROVE_OK;
    int again = 1;

    while (status == ROVE_OK && again) {
        rove_exchange *exchange = NULL;
        status = rove_exchange_new(replica, 0, &exchange, error);
        if (status == ROVE_OK) {
            status = transfer(exchange, error);
            status = rove_exchange_finish(exchange, status, &again, report, error);
        }
    }
    return status;
}

int main(void) {
    rove_ports ports;
    rove_error error = {.message = ""};
    rove_sync_report report = {0};
    rove_state state = {.size = sizeof state};
    rove_id id = 0;

    example_ports(&ports);
    /* Where libcurl brings OpenSSL along, it may do the cryptography too. */
    rove_posix_crypto_free(&ports.crypto);
    rove_posix_crypto_openssl(&ports.crypto);
    rove_posix_log_stderr(&ports.log, ROVE_LOG_WARN);
    rove *replica = example_open(&ports, "example_own_loop");
    rove_field shop[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", shop, 1, &id, &error), &error);

    rove_status status = reconcile(replica, &report, &error);
    printf("%s; the next try in %lld s\n", rove_status_text(status),
           (long long)(report.next_sync_ms - rove_now_ms(replica)) / 1000);
    EXAMPLE_OK(rove_read_state(replica, &state, &error), &error);
    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_NETWORK && state.pending == 1 ? 0 : 1;
}
