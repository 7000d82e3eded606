# SPDX-License-Identifier: Apache-2.0
# core_module(<name> DEPENDS <modules...> [PKG <pkg-config modules...>] [LIBS <targets...>] [SDK])
#
# One static library per folder of core/. The folder gets an include path that holds nothing but
# links to itself and to the folders of DEPENDS (and to sdk/include with SDK), so that an include
# which the table of the design does not allow does not compile. DEPENDS lists everything: nothing
# is inherited. Third-party libraries (PKG, LIBS) are private to the folder that owns them.
function(sluice_include_view view)
	set(dir ${CMAKE_BINARY_DIR}/include/${view})
	file(MAKE_DIRECTORY ${dir})
	# A row that lost a folder must lose sight of it in a build folder that exists, too.
	file(GLOB linked RELATIVE ${dir} ${dir}/*)
	foreach(module ${linked})
		if(NOT module IN_LIST ARGN)
			file(REMOVE ${dir}/${module})
		endif()
	endforeach()
	foreach(module ${ARGN})
		if(NOT EXISTS ${dir}/${module})
			file(CREATE_LINK ${CMAKE_SOURCE_DIR}/core/${module} ${dir}/${module} SYMBOLIC)
		endif()
	endforeach()
endfunction()

function(core_module name)
	cmake_parse_arguments(M "SDK" "" "DEPENDS;PKG;LIBS" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/${name}/*.c)
	list(FILTER sources EXCLUDE REGEX "/main\\.c$") # core_program's
	add_library(${name} STATIC ${sources})
	set_target_properties(${name} PROPERTIES OUTPUT_NAME sluice_${name})
	sluice_include_view(${name} ${name} ${M_DEPENDS})
	target_include_directories(${name} PRIVATE ${CMAKE_BINARY_DIR}/include/${name})
	if(M_SDK)
		target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/sdk/include)
	endif()
	foreach(pkg ${M_PKG})
		pkg_check_modules(PKG_${pkg} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
		target_link_libraries(${name} PRIVATE PkgConfig::PKG_${pkg})
	endforeach()
	target_link_libraries(${name} PRIVATE ${M_LIBS})
	target_link_libraries(${name} PUBLIC ${M_DEPENDS})
	set_property(GLOBAL PROPERTY SLUICE_DEPENDS_${name} "${M_DEPENDS}")
	set_property(GLOBAL APPEND PROPERTY SLUICE_MODULES ${name})
	if(M_SDK)
		set_property(GLOBAL PROPERTY SLUICE_SDK_${name} ON)
	endif()
endfunction()

# core_test(<module> [LIBS ...]): every tests/unit/<module>/test_*.c into one Check program,
# unit_<module>, which sees what the module sees. support.c beside them is linked in when there.
function(core_test module)
	cmake_parse_arguments(T "" "" "LIBS;DEFINITIONS" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/*.c)
	add_executable(unit_${module} ${sources} ${CMAKE_SOURCE_DIR}/tests/unit/main.c)
	set_target_properties(unit_${module} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	target_include_directories(unit_${module} PRIVATE ${CMAKE_BINARY_DIR}/include/${module}
		${CMAKE_SOURCE_DIR}/tests/unit)
	get_property(sdk GLOBAL PROPERTY SLUICE_SDK_${module})
	if(sdk)
		target_include_directories(unit_${module} PRIVATE ${CMAKE_SOURCE_DIR}/sdk/include)
	endif()
	target_compile_definitions(unit_${module} PRIVATE
		SHARED_DATA="${CMAKE_SOURCE_DIR}/../shared/data"
		SOURCE_DIR="${CMAKE_SOURCE_DIR}" BUILD_DIR="${CMAKE_BINARY_DIR}" ${T_DEFINITIONS})
	target_link_libraries(unit_${module} PRIVATE ${module} PkgConfig::CHECK ${T_LIBS})
	add_test(NAME unit_${module} COMMAND unit_${module})
endfunction()

# core_program(<program> <module>): core/<module>/main.c, linked with the module, which holds all the
# rest of its folder; installed as a command.
function(core_program program module)
	add_executable(${program} ${CMAKE_SOURCE_DIR}/core/${module}/main.c)
	target_include_directories(${program} PRIVATE ${CMAKE_BINARY_DIR}/include/${module})
	target_link_libraries(${program} PRIVATE ${module})
	install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
