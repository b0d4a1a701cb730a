/* Everything a plugin needs: #include <plait/plait.h>. */
#ifndef PLAIT_PLAIT_H
#define PLAIT_PLAIT_H

#include <plait/abi.h>
#include <plait/addr.h>
#include <plait/chunk.h>
#include <plait/client.h>
#include <plait/conn.h>
#include <plait/deferred.h>
#include <plait/deferred_list.h>
#include <plait/deferred_lock.h>
#include <plait/deferred_queue.h>
#include <plait/deferred_semaphore.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/failure.h>
#include <plait/fixed.h>
#include <plait/frame.h>
#include <plait/group.h>
#include <plait/hook.h>
#include <plait/length_field.h>
#include <plait/line.h>
#include <plait/log.h>
#include <plait/loop.h>
#include <plait/looping_call.h>
#include <plait/multicast.h>
#include <plait/netstring.h>
#include <plait/option.h>
#include <plait/port.h>
#include <plait/process.h>
#include <plait/producer.h>
#include <plait/protocol.h>
#include <plait/proxy.h>
#include <plait/reactor.h>
#include <plait/reason.h>
#include <plait/service.h>
#include <plait/start_tls.h>
#include <plait/threads.h>
#include <plait/tls.h>

#endif
