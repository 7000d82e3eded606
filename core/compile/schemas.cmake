# SPDX-License-Identifier: Apache-2.0
# cmake -DCOMPILER=... -DPLUGINS=... -DTO=... -P schemas.cmake - writes every JSON Schema that there is.
function(schema out)
	execute_process(COMMAND ${COMPILER} schema ${ARGN} --plugins ${PLUGINS}
		OUTPUT_VARIABLE text RESULT_VARIABLE code ERROR_VARIABLE error)
	if(NOT code EQUAL 0)
		message(FATAL_ERROR "sluice-compile schema ${ARGN}: ${error}")
	endif()
	set(${out} "${text}" PARENT_SCOPE)
endfunction()

schema(names --names)
string(REGEX MATCHALL "[^\n]+" names "${names}")
file(REMOVE_RECURSE ${TO})
foreach(name ${names})
	schema(text ${name})
	file(WRITE ${TO}/${name}.schema.json "${text}\n")
endforeach()
file(WRITE ${TO}/.written "")
