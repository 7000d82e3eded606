/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/edge.h"

void edge_deinit(struct edge *e)
{
	error_pages_free(e->errors);
	cidr_set_deinit(&e->proxies);
	cidr_set_deinit(&e->proxy_protocol_from);
}
