# SPDX-License-Identifier: Apache-2.0
# Finds llhttp as target Llhttp::Llhttp: the shared library of libllhttp-dev (Debian 13 and later),
# else compiled from the C sources that Debian 12's node-llhttp installs, always strict.
#   LLHTTP_SOURCE_DIR   folder of api.c, http.c, llhttp.c   (default /usr/share/llhttp)
#   LLHTTP_INCLUDE_DIR  folder of llhttp.h                  (default /usr/share/include/llhttp)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LLHTTP_PKG QUIET IMPORTED_TARGET libllhttp>=9)
if(LLHTTP_PKG_FOUND)
	add_library(Llhttp::Llhttp INTERFACE IMPORTED)
	target_link_libraries(Llhttp::Llhttp INTERFACE PkgConfig::LLHTTP_PKG)
	set(Llhttp_FOUND TRUE)
else()
	set(LLHTTP_SOURCE_DIR /usr/share/llhttp CACHE PATH "llhttp's C sources")
	set(LLHTTP_INCLUDE_DIR /usr/share/include/llhttp CACHE PATH "llhttp.h")
	if(EXISTS ${LLHTTP_SOURCE_DIR}/llhttp.c AND EXISTS ${LLHTTP_INCLUDE_DIR}/llhttp.h)
		add_library(llhttp_strict STATIC ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c
			${LLHTTP_SOURCE_DIR}/llhttp.c)
		target_include_directories(llhttp_strict SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
		# Loose mode takes chunk data without CRLF and more; headers and sources must agree.
		target_compile_definitions(llhttp_strict PUBLIC LLHTTP_STRICT_MODE=1)
		target_compile_options(llhttp_strict PRIVATE -w)
		add_library(Llhttp::Llhttp ALIAS llhttp_strict)
		set(Llhttp_FOUND TRUE)
	endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Llhttp REQUIRED_VARS Llhttp_FOUND
	REASON_FAILURE_MESSAGE "install libllhttp-dev (Debian 13) or node-llhttp (Debian 12)")
