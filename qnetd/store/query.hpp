// query.hpp -- one statement of SQLite; columns and parameters count as there.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sqlite3.h>

#include <string>

namespace castvote::qnetd::store {

class Query {
public:
    Query(sqlite3* handle, const char* sql) {
        code_ = ::sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr);
    }
    ~Query() { ::sqlite3_finalize(statement_); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    // A cluster's name is any bytes.
    void bind(int place, const std::string& bytes) {
        if (code_ == SQLITE_OK)
            code_ = ::sqlite3_bind_blob(statement_, place, bytes.data(),
                                        static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
    }
    // SQLITE_ROW, SQLITE_DONE or an error.
    int step() { return code_ == SQLITE_OK ? ::sqlite3_step(statement_) : code_; }
    std::string bytes(int column) const {
        const auto* data = static_cast<const char*>(::sqlite3_column_blob(statement_, column));
        const int size = ::sqlite3_column_bytes(statement_, column);
        return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
    }
    int number(int column) const { return ::sqlite3_column_int(statement_, column); }

private:
    sqlite3_stmt* statement_ = nullptr;
    int code_ = SQLITE_OK;
};

}  // namespace castvote::qnetd::store
