# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM and compares what it prints with the file GOLDEN.
execute_process(COMMAND ${PROGRAM} RESULT_VARIABLE status OUTPUT_VARIABLE actual)
file(READ ${GOLDEN} golden)
if(NOT status EQUAL 0)
	message(FATAL_ERROR "${PROGRAM} failed")
endif()
if(NOT actual STREQUAL golden)
	message(FATAL_ERROR "the layout is not that of ${GOLDEN}:\n${actual}")
endif()
