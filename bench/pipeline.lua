-- For wrk: as many requests in one write as the script's argument says. It makes the load cheap for who sends it.
local text

function init(arguments)
   text = string.rep(wrk.format(), tonumber(arguments[1]))
end

function request()
   return text
end
