/*
 * control_wire.h - the bytes of the control socket, for its two ends; see control.h. Internal.
 */
#ifndef ROVE_HQ_CONTROL_WIRE_H
#define ROVE_HQ_CONTROL_WIRE_H

#include <sys/un.h>

#include "control.h"

#define CONTROL_VERSION  1u
#define CONTROL_JSON     1u
#define CONTROL_TERMINAL 2u
#define CONTROL_OUT      'o'
#define CONTROL_ERR      'e'
#define CONTROL_EXIT     'x'

/*
 * The socket's address. Where the path is longer than a socket's may be, it goes through a descriptor of the folder:
 * *folder_fd, which is the caller's to close if it is not -1.
 */
ROVE_CHECK rove_status control_address(const char *folder, struct sockaddr_un *address,
                                       int *folder_fd, rove_error *error);
/* All bytes, or 0. */
int control_send(int fd, const void *bytes, size_t size);
int control_receive(int fd, void *bytes, size_t size);

#endif
