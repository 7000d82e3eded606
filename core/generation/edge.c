/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/edge.h"

#include <stdlib.h>

void edge_deinit(struct edge *e)
{
	error_pages_free(e->errors);
	free(e->record_claims);
	free(e->header_text);
	free(e->field_text);
	cidr_set_deinit(&e->proxies);
	cidr_set_deinit(&e->proxy_protocol_from);
}
