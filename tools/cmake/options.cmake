# SPDX-License-Identifier: Apache-2.0
# Language, warnings, hardening, sanitizers: the same for every target.
option(SLUICE_WERROR "Treat warnings as errors" OFF)
option(SLUICE_FUZZ "Build the libFuzzer targets (clang)" OFF)
set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(SLUICE_PLUGIN_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/sluice/plugins)

add_compile_definitions(_GNU_SOURCE SLUICE_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
	-Wundef -Wvla -Wpointer-arith -Wwrite-strings -Wno-unused-parameter -Wno-override-init -fno-common
	-fno-delete-null-pointer-checks -fno-strict-overflow)
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
	-ffile-prefix-map=${CMAKE_BINARY_DIR}/=build/)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
	# Long literals in tables are cut by clang-format, and "text" + i is meant.
	add_compile_options(-Wno-string-concatenation -Wno-string-plus-int)
endif()
if(SLUICE_WERROR)
	add_compile_options(-Werror)
endif()

if(SLUICE_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(SLUICE_SANITIZE)
	add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer
		-fno-sanitize-recover=all)
	add_link_options(-fsanitize=${SLUICE_SANITIZE})
	add_compile_definitions(SLUICE_SANITIZE)
else()
	add_compile_options(-fstack-protector-strong -fstack-clash-protection
		-ftrivial-auto-var-init=zero)
	if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
		add_compile_options(-fcf-protection)
	endif()
	if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
		add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
	endif()
	add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
# A request passes through small functions of many folders: inlined across them it costs 15 % fewer
# instructions (measured by callgrind: 12,280 to 10,470).
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT SLUICE_SANITIZE)
	set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
