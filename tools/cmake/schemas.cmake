# SPDX-License-Identifier: Apache-2.0
# The JSON Schemas of an installation, share/sluice/schemas: of every kind, and of the plugins built here.
get_property(plugin_targets GLOBAL PROPERTY SLUICE_PLUGINS)
set(schemas ${CMAKE_BINARY_DIR}/share/sluice/schemas)
add_custom_command(OUTPUT ${schemas}/.written
	COMMAND ${CMAKE_COMMAND} -DCOMPILER=$<TARGET_FILE:sluice-compile>
		-DPLUGINS=${SLUICE_PLUGIN_OUTPUT_DIRECTORY} -DTO=${schemas}
		-P ${CMAKE_SOURCE_DIR}/core/compile/schemas.cmake
	DEPENDS sluice-compile ${plugin_targets} ${CMAKE_SOURCE_DIR}/core/compile/schemas.cmake
	COMMENT "Writing the JSON Schemas" VERBATIM)
add_custom_target(schemas ALL DEPENDS ${schemas}/.written)
install(DIRECTORY ${schemas} DESTINATION ${CMAKE_INSTALL_DATADIR}/sluice FILES_MATCHING PATTERN "*.json")
