# SPDX-License-Identifier: Apache-2.0
# Makes the files of lua/sluice part of the library: config_embedded_files[] of config/lua_state.h.
file(GLOB_RECURSE files RELATIVE ${CMAKE_SOURCE_DIR}/lua/sluice CONFIGURE_DEPENDS
	${CMAKE_SOURCE_DIR}/lua/sluice/*.lua ${CMAKE_SOURCE_DIR}/lua/sluice/*.yaml)
list(SORT files)
set(embed_data "")
set(embed_table "")
set(embed_paths "")
set(embed_count 0)
foreach(file ${files})
	set(path ${CMAKE_SOURCE_DIR}/lua/sluice/${file})
	string(APPEND embed_data
		".Lname${embed_count}: .asciz \"${file}\"\n"
		".Lstart${embed_count}: .incbin \"${path}\"\n"
		".Lend${embed_count}: .byte 0\n")
	string(APPEND embed_table
		"	.quad .Lname${embed_count}, .Lstart${embed_count}, .Lend${embed_count}\n")
	list(APPEND embed_paths ${path})
	math(EXPR embed_count "${embed_count} + 1")
endforeach()
set(embed_source ${CMAKE_CURRENT_BINARY_DIR}/config_embedded.S)
file(CONFIGURE OUTPUT ${embed_source} @ONLY CONTENT [=[
	.section .rodata
@embed_data@
	.section .data.rel.ro, "aw"
	.balign 8
	.global config_embedded_files
config_embedded_files:
@embed_table@	.quad 0, 0, 0
	.section .note.GNU-stack, "", %progbits
]=])
set_source_files_properties(${embed_source} PROPERTIES OBJECT_DEPENDS "${embed_paths}")
target_sources(config PRIVATE ${embed_source})
