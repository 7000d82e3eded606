# SPDX-License-Identifier: Apache-2.0
# sluice_add_plugin(<name> SOURCES <files...> DEFINITION <policy.yaml> [UTIL <names...>]
#	[LIBS <targets...>])
#
# Builds the module <name>.so in SLUICE_PLUGIN_OUTPUT_DIRECTORY (default: the current binary folder):
# everything hidden but sluice_plugin_v1, no undefined symbols, and the definition as the ELF note
# .note.sluice.policy (name "Sluice", type 1), so that `sluice check` reads the schema without
# running any code of the plugin. UTIL names sources of sdk/util that are compiled into it (their headers
# are "util/<name>.h"). The target is plugin-<name>. Works in the gateway's own tree and, by an
# include() of this file where it lies or is installed, outside of it.
enable_language(ASM) # for the note; CMake wants it outside of functions
set(SLUICE_PLUGIN_NOTE_TYPE 1)
find_path(SLUICE_SDK_INCLUDE_DIR sluice/sluice.h HINTS ${CMAKE_CURRENT_LIST_DIR}/../include
	${CMAKE_CURRENT_LIST_DIR}/../../../include REQUIRED NO_DEFAULT_PATH)

find_path(SLUICE_SDK_UTIL_DIR util/content.h HINTS ${CMAKE_CURRENT_LIST_DIR}/..
	${CMAKE_CURRENT_LIST_DIR} REQUIRED NO_DEFAULT_PATH)

# Writes the assembler source of the note; .incbin makes the object depend on the definition.
function(sluice_write_note source definition)
	file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [=[
/* The policy definition, readable without loading the plugin. */
	.section .note.sluice.policy, "a", %note
	.balign 4
	.long 7
	.long 2f - 1f
	.long @SLUICE_PLUGIN_NOTE_TYPE@
	.asciz "Sluice"
	.balign 4
1:	.incbin "@definition@"
2:	.balign 4
	.section .note.GNU-stack, "", %progbits
]=])
	set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${definition})
endfunction()

function(sluice_add_plugin name)
	cmake_parse_arguments(P "" "DEFINITION" "SOURCES;UTIL;LIBS" ${ARGN})
	if(NOT P_SOURCES OR NOT P_DEFINITION)
		message(FATAL_ERROR "sluice_add_plugin(${name}): SOURCES and DEFINITION are required")
	endif()
	get_filename_component(definition ${P_DEFINITION} ABSOLUTE)
	set(note ${CMAKE_CURRENT_BINARY_DIR}/${name}-note.S)
	sluice_write_note(${note} ${definition})

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
