/*
 * control_call.c - the caller's end of the control socket; see control.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "control_wire.h"

#define PIECE 4096

static rove_status write_request(rove__buf *out, const hq_io *io, int argc, char **argv,
                                 rove_error *error) {
    unsigned flags = (io->json ? CONTROL_JSON : 0) | (io->terminal ? CONTROL_TERMINAL : 0);
    rove__buf_u32(out, 0);
    rove__buf_byte(out, CONTROL_VERSION);
    rove__buf_byte(out, (uint8_t)flags);
    rove__buf_bytes(out, io->operator_name, strlen(io->operator_name));
    rove__buf_bytes(out, io->directory, strlen(io->directory));
    rove__buf_varint(out, (uint64_t)argc);
    for (int i = 0; i < argc; i++) {
        rove__buf_bytes(out, argv[i], strlen(argv[i]));
    }
    rove_status status = rove__buf_status(out);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "The command line is too long.");
    }
    rove__u32_put(out->data, (uint32_t)(out->size - 4));
    return ROVE_OK;
}

static rove_status reach(const char *folder, int *fd, rove_error *error) {
    struct sockaddr_un address;
    int folder_fd = -1;
    rove_status status = control_address(folder, &address, &folder_fd, error);
    if (status != ROVE_OK) {
        return status;
    }
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int nobody = errno == ENOENT || errno == ECONNREFUSED;
        status = rove__error_foreign(error, nobody ? ROVE_NOT_FOUND : ROVE_IO, ROVE_DOMAIN_OS,
                                     errno, "Nobody serves %.150s.", folder);
    }
    if (folder_fd >= 0) {
        (void)close(folder_fd);
    }
    return status;
}

/* Passes on what a frame carries. */
static int relay(int fd, char kind, size_t size, const hq_io *io) {
    char piece[PIECE];
    while (size > 0) {
        size_t take = size < sizeof piece ? size : sizeof piece;
        if (!control_receive(fd, piece, take)) {
            return 0;
        }
        (kind == CONTROL_OUT ? io->out : io->err)(io->ctx, piece, take);
        size -= take;
    }
    return 1;
}

static rove_status read_answer(int fd, const hq_io *io, int *exit_code, rove_error *error) {
    uint8_t head[5];
    uint8_t code;
    while (control_receive(fd, head, sizeof head)) {
        size_t size =
            (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        if (head[0] == CONTROL_EXIT && size == 1 && control_receive(fd, &code, 1)) {
            *exit_code = code;
            return ROVE_OK;
        }
        if ((head[0] != CONTROL_OUT && head[0] != CONTROL_ERR) ||
            !relay(fd, (char)head[0], size, io)) {
            break;
        }
    }
    return rove__error_set(error, ROVE_TRUNCATED,
                           "The process that serves this folder ended before the command did.");
}

rove_status control_call(const rove_allocator *allocator, const char *folder, const hq_io *io,
                         int argc, char **argv, int *exit_code, rove_error *error) {
    rove__buf request;
    int fd = -1;
    rove__buf_init(&request, allocator, CONTROL_REQUEST_MAX);
    rove_status status = write_request(&request, io, argc, argv, error);
    if (status == ROVE_OK) {
        status = reach(folder, &fd, error);
    }
    if (status == ROVE_OK) {
        (void)control_send(fd, request.data, request.size); /* the answer tells whether it came */
        status = read_answer(fd, io, exit_code, error);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    rove__buf_free(&request);
    return status;
}
