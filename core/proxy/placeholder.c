/* SPDX-License-Identifier: Apache-2.0 */
typedef int proxy_is_empty_yet;
