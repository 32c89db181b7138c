# Flags and outside libraries, in one place. Every room links `castvote_settings`.
find_package(Threads REQUIRED)
if(CASTVOTE_STATIC)
    set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
    set(OPENSSL_USE_STATIC_LIBS ON)
endif()
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(SQLite3 REQUIRED)
if(CASTVOTE_TESTS)
    find_package(Catch2 2 REQUIRED)
endif()
if(NOT CASTVOTE_STATIC)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(votequorum REQUIRED IMPORTED_TARGET libvotequorum)
    pkg_check_modules(cmap REQUIRED IMPORTED_TARGET libcmap)
    pkg_check_modules(cpg REQUIRED IMPORTED_TARGET libcpg)
    pkg_check_modules(corosync_common REQUIRED IMPORTED_TARGET libcorosync_common)
endif()

# Debian has no static fmt and spdlog; as headers they are in the program whatever it is.
set(CASTVOTE_FMT fmt::fmt)
set(CASTVOTE_SPDLOG spdlog::spdlog)
if(CASTVOTE_STATIC)
    set(CASTVOTE_FMT fmt::fmt-header-only)
    set(CASTVOTE_SPDLOG spdlog::spdlog_header_only)
    set_target_properties(spdlog::spdlog_header_only PROPERTIES
        INTERFACE_LINK_LIBRARIES "${CASTVOTE_FMT};Threads::Threads")
endif()

add_library(castvote_settings INTERFACE)
target_include_directories(castvote_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(castvote_settings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wno-missing-field-initializers
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -Werror=return-type -Werror=switch
    -pthread)  # as corosync's libraries ask for it
target_compile_definitions(castvote_settings INTERFACE CASTVOTE_VERSION="${PROJECT_VERSION}")
target_compile_definitions(castvote_settings INTERFACE BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(castvote_settings INTERFACE Threads::Threads)

# One file that runs on any Linux of its processor: it asks no name service, which would be a library
# of the host's. What is not used is left out.
if(CASTVOTE_STATIC)
    target_compile_definitions(castvote_settings INTERFACE CASTVOTE_STATIC)
    target_compile_options(castvote_settings INTERFACE -ffunction-sections -fdata-sections)
    target_link_options(castvote_settings INTERFACE -static -Wl,--gc-sections -s)
endif()

# UBSan takes a third of the time to compile, and looks at our libraries, not at the tests' own code.
# Where a pointer is null or wild ASan sees it; what it looks at for each use of one is for the fuzzers.
set(CASTVOTE_UBSAN -fsanitize=undefined -fno-sanitize=null,alignment,object-size,vptr)
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    list(APPEND CASTVOTE_UBSAN -fno-sanitize=function)  # not together with coroutines in clang 14
endif()
if(CASTVOTE_SANITIZE)
    target_compile_options(castvote_settings INTERFACE
        -fsanitize=address -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(castvote_settings INTERFACE -fsanitize=address,undefined)
endif()
if(CASTVOTE_COVERAGE)
    target_compile_options(castvote_settings INTERFACE --coverage)
    target_link_options(castvote_settings INTERFACE --coverage)
endif()
if(CASTVOTE_FUZZ)
    target_compile_options(castvote_settings INTERFACE
        -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
        -fno-sanitize=function)  # which clang 14 cannot combine with coroutines
    target_link_options(castvote_settings INTERFACE -fsanitize=address,undefined)
endif()

# With sanitizers an optimised file takes twice as long to compile: worth it only for what runs long.
function(castvote_busy name)
    separate_arguments(flags UNIX_COMMAND "${CASTVOTE_BUSY_FLAGS}")
    target_compile_options(${name} PRIVATE ${flags})
endfunction()

# Others' headers take half the time to compile: the shells read them once for all.
# CMAKE_DISABLE_PRECOMPILE_HEADERS shows whether each file includes what it uses.
function(castvote_precompiled name)
    if(NOT TARGET castvote_headers)
        file(WRITE ${CMAKE_BINARY_DIR}/headers.cpp "")
        add_library(castvote_headers OBJECT ${CMAKE_BINARY_DIR}/headers.cpp)
        target_link_libraries(castvote_headers PRIVATE castvote_settings ${CASTVOTE_FMT}
            nlohmann_json::nlohmann_json CLI11::CLI11 Boost::headers OpenSSL::SSL)
        if(CASTVOTE_SANITIZE)
            target_compile_options(castvote_headers PRIVATE ${CASTVOTE_UBSAN})
        endif()
        target_precompile_headers(castvote_headers PRIVATE
            <CLI/CLI.hpp> <boost/asio.hpp> <boost/asio/ssl.hpp> <filesystem> <fmt/format.h>
            <functional> <map> <nlohmann/json.hpp> <optional> <set> <string> <variant> <vector>)
    endif()
    target_precompile_headers(${name} REUSE_FROM castvote_headers)
    target_link_libraries(${name} PRIVATE castvote_asio)  # which the headers need, used or not
endfunction()

# castvote_library(NAME [BUSY|SHELL] SOURCES... LINKS...): a static library of one room.
function(castvote_library name)
    cmake_parse_arguments(ARG "BUSY;SHELL" "" "SOURCES;LINKS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC castvote_settings ${ARG_LINKS})
    if(CASTVOTE_SANITIZE)
        target_compile_options(${name} PRIVATE ${CASTVOTE_UBSAN})
    endif()
    if(ARG_BUSY)
        castvote_busy(${name})
    endif()
    if(ARG_SHELL)
        castvote_precompiled(${name})
    endif()
endfunction()

# castvote_program(NAME ALIASES stock-name... SOURCES... LINKS...): a program, and the same under the
# name of the stock program which it replaces (a symbolic link beside it); their manual pages, which
# it prints itself.
set(CASTVOTE_MANUAL_DIRECTORY ${CMAKE_BINARY_DIR}/man)
file(MAKE_DIRECTORY ${CASTVOTE_MANUAL_DIRECTORY})
function(castvote_program name)
    if(CASTVOTE_STATIC)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "ALIASES;SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE castvote_settings ${ARG_LINKS})
    foreach(alias ${ARG_ALIASES})
        add_custom_command(TARGET ${name} POST_BUILD
            COMMAND ${CMAKE_COMMAND} -E create_symlink ${name}
                    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${alias})
    endforeach()
    foreach(page ${name} ${ARG_ALIASES})
        add_custom_command(TARGET ${name} POST_BUILD
            COMMAND ${name} --manual ${page} > ${CASTVOTE_MANUAL_DIRECTORY}/${page}.8)
    endforeach()
endfunction()

# castvote_campaign(NAME PROGRAM ARGUMENTS...): a test that computes as much as it is given time for.
# The optimised build runs it, where it comes several times as far.
function(castvote_campaign name program)
    if(CASTVOTE_SANITIZE)
        return()
    endif()
    add_test(NAME ${name} COMMAND ${program} ${ARGN})
    add_dependencies(castvote_tests ${program})
endfunction()

# castvote_says(NAME REGEX): that campaign must find this.
function(castvote_says name regex)
    if(TEST ${name})
        set_tests_properties(${name} PROPERTIES PASS_REGULAR_EXPRESSION ${regex})
    endif()
endfunction()

# castvote_test(NAME [BUSY SOURCES...] SOURCES... LINKS... [PARTS...]): a Catch2 program, run by ctest
# as one test. What BUSY names computes for long; it comes first, so that of what several files
# instantiate the linker takes the fast copy.
function(castvote_test name)
    cmake_parse_arguments(ARG "" "" "BUSY;SOURCES;LINKS;PARTS" ${ARGN})
    add_executable(${name} ${ARG_BUSY} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE castvote_settings castvote_catch_main ${ARG_LINKS})
    add_dependencies(castvote_tests ${name})
    if(ARG_BUSY)
        separate_arguments(flags UNIX_COMMAND "${CASTVOTE_BUSY_FLAGS}")
        set_source_files_properties(${ARG_BUSY} PROPERTIES
            COMPILE_OPTIONS "${flags}" SKIP_PRECOMPILE_HEADERS ON)
    endif()
    if(CASTVOTE_SANITIZE)
        target_precompile_headers(${name} REUSE_FROM castvote_test_headers)
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(${name} PRIVATE
        CASTVOTE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(NOT ARG_PARTS)
        add_test(NAME ${name} COMMAND ${name})
    endif()
    # What takes minutes is run in parts, each a choice of Catch's, so that processors share it.
    foreach(part ${ARG_PARTS})
        string(REPLACE "~" "not_" suffix ${part})
        string(REGEX REPLACE "[^a-z_]" "" suffix ${suffix})
        add_test(NAME ${name}_${suffix} COMMAND ${name} ${part})
        # They fork a lot; what a fork copies is mostly what the sanitizer keeps of freed memory.
        set_tests_properties(${name}_${suffix} PROPERTIES
            ENVIRONMENT ASAN_OPTIONS=quarantine_size_mb=1)
    endforeach()
endfunction()
