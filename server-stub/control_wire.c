/*
 * control_wire.c - see control_wire.h.
 */
#include "control_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

rove_status control_address(const char *folder, struct sockaddr_un *address, int *folder_fd,
                            rove_error *error) {
    *folder_fd = -1;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(folder) + sizeof "/control" <= sizeof address->sun_path) {
        rove__text_format(address->sun_path, sizeof address->sun_path, "%s/control", folder);
        return ROVE_OK;
    }
    *folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder_fd < 0) {
        return rove__error_foreign(error, errno == ENOENT ? ROVE_NOT_FOUND : ROVE_IO,
                                   ROVE_DOMAIN_OS, errno, "Opening the folder %.120s failed.",
                                   folder);
    }
    rove__text_format(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/control",
                      *folder_fd);
    return ROVE_OK;
}

int control_send(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return 0;
        }
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return 1;
}

int control_receive(int fd, void *bytes, size_t size) {
    char *at = bytes;
    while (size > 0) {
        ssize_t got = recv(fd, at, size, 0);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return 0;
        }
        at += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return 1;
}
