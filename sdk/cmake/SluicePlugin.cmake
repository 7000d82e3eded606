# SPDX-License-Identifier: Apache-2.0
# sluice_add_plugin(<name> SOURCES <files...> DEFINITION <policy.yaml> [UTIL <names...>]
#	[LIBS <targets...>] [ABI_MINOR <n>])
#
# Builds the module <name>.so in SLUICE_PLUGIN_OUTPUT_DIRECTORY (default: the current binary folder):
# everything hidden but sluice_plugin_v1, no undefined symbols, and two ELF notes of the name "Sluice", so
# that `sluice check` reads them without running any code of the plugin: the definition as
# .note.sluice.policy (type 1), and the ABI as .note.sluice.abi (type 2), the major version and the least
# minor one: the SDK's own, or ABI_MINOR, which is then also the descriptor's abi_minor. UTIL names sources of sdk/util that are compiled into it (their headers
# are "util/<name>.h"). The target is plugin-<name>. Works in the gateway's own tree and, by an
# include() of this file where it lies or is installed, outside of it.
enable_language(ASM) # for the note; CMake wants it outside of functions
find_path(SLUICE_SDK_INCLUDE_DIR sluice/sluice.h HINTS ${CMAKE_CURRENT_LIST_DIR}/../include
	${CMAKE_CURRENT_LIST_DIR}/../../../include REQUIRED NO_DEFAULT_PATH)

foreach(part MAJOR MINOR)
	file(STRINGS ${SLUICE_SDK_INCLUDE_DIR}/sluice/sluice.h line REGEX "define SLUICE_ABI_${part} ")
	string(REGEX REPLACE ".* " "" SLUICE_SDK_ABI_${part} "${line}")
endforeach()

find_path(SLUICE_SDK_UTIL_DIR util/content.h HINTS ${CMAKE_CURRENT_LIST_DIR}/..
	${CMAKE_CURRENT_LIST_DIR} REQUIRED NO_DEFAULT_PATH)

# Writes the assembler source of the notes; .incbin makes the object depend on the definition.
function(sluice_write_notes source definition abi_minor)
	file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [=[
/* What is known of the plugin without loading it. */
	.section .note.sluice.policy, "a", %note
	.balign 4
	.long 7
	.long 2f - 1f
	.long 1
	.asciz "Sluice"
	.balign 4
1:	.incbin "@definition@"
2:	.balign 4
	.section .note.sluice.abi, "a", %note
	.balign 4
	.long 7
	.long 8
	.long 2
	.asciz "Sluice"
	.balign 4
	.long @SLUICE_SDK_ABI_MAJOR@
	.long @abi_minor@
	.section .note.GNU-stack, "", %progbits
]=])
	set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${definition})
endfunction()

function(sluice_add_plugin name)
	cmake_parse_arguments(P "" "DEFINITION;ABI_MINOR" "SOURCES;UTIL;LIBS" ${ARGN})
	if(NOT P_SOURCES OR NOT P_DEFINITION)
		message(FATAL_ERROR "sluice_add_plugin(${name}): SOURCES and DEFINITION are required")
	endif()
	get_filename_component(definition ${P_DEFINITION} ABSOLUTE)
	if(NOT DEFINED P_ABI_MINOR)
		set(P_ABI_MINOR ${SLUICE_SDK_ABI_MINOR})
	endif()
	set(note ${CMAKE_CURRENT_BINARY_DIR}/${name}-note.S)
	sluice_write_notes(${note} ${definition} ${P_ABI_MINOR})

	set(target plugin-${name})
	list(TRANSFORM P_UTIL REPLACE "(.+)" "${SLUICE_SDK_UTIL_DIR}/util/\\1.c")
	add_library(${target} MODULE ${P_SOURCES} ${P_UTIL} ${note})
	set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX ".so"
		C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
		VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON)
	if(SLUICE_PLUGIN_OUTPUT_DIRECTORY)
		set_target_properties(${target} PROPERTIES
			LIBRARY_OUTPUT_DIRECTORY ${SLUICE_PLUGIN_OUTPUT_DIRECTORY})
	endif()
	target_include_directories(${target} PRIVATE ${SLUICE_SDK_INCLUDE_DIR}
		${SLUICE_SDK_UTIL_DIR})
	target_link_libraries(${target} PRIVATE ${P_LIBS})
	# A sanitized module takes the runtime's symbols from the program that loads it. What libraries
	# that are linked in statically export must not show: one plugin, one symbol.
	if(NOT SLUICE_SANITIZE AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
		target_link_options(${target} PRIVATE -Wl,-z,defs)
	endif()
	target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
	set_property(GLOBAL APPEND PROPERTY SLUICE_PLUGINS ${target})
endfunction()
