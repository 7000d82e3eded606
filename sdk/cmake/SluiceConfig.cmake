# SPDX-License-Identifier: Apache-2.0
# find_package(Sluice): sluice_add_plugin (SluicePlugin.cmake), and Sluice::testing, the harness for tests of policies,
# with its headers.
include(${CMAKE_CURRENT_LIST_DIR}/SluicePlugin.cmake)
if(NOT TARGET Sluice::testing)
	get_filename_component(library_dir ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
	add_library(Sluice::testing SHARED IMPORTED)
	set_target_properties(Sluice::testing PROPERTIES
		IMPORTED_LOCATION ${library_dir}/libsluice-testing.so
		INTERFACE_INCLUDE_DIRECTORIES ${SLUICE_SDK_INCLUDE_DIR})
	unset(library_dir)
endif()
