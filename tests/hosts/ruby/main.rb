# frozen_string_literal: true

# abio inside Ruby's Fiber scheduler: `run LIBRARY GENERATED_DIR`.  The scheduler here is Async's;
# any other does.  Those who come from Ruby read files and sockets first.

require "async"
require "digest"
require "socket"
require "abio"
require "abio/manifest"
require "abio/report"

TEXT = Array.new(10_000) { |n| "line #{n}\n" }.join
$stdout.sync = true

def files(driver, report)
  driver.open("numbers", access: :WRITE, flags: %i[CREATE TRUNCATE]) { |file| file.write(TEXT) }
  driver.open("numbers") do |file|
    report.check("by offset", file.pread(1000, 4321), TEXT.byteslice(4321, 1000))
    report.check("by lines", file.each_line.to_a, TEXT.lines)
    file.rewind
    report.check("the first that ends in 77", file.lazy.grep(/77$/).first, "line 77\n")
  end
end

def sockets(driver, report, parent)
  listener, port = driver.listen
  server = parent.async do |task|
    loop do
      peer = listener.accept
      task.async { answer(driver, peer) }
    end
  end
  clients = Array.new(8) do
    parent.async do
      driver.connect(port) do |peer|
        peer.write("GET numbers\n")
        Digest::SHA256.hexdigest(peer.read)
      end
    end
  end
  report.check("what eight clients got", clients.map(&:wait),
               [Digest::SHA256.hexdigest(TEXT)] * 8)
  server.stop
  listener.close
end

def answer(driver, peer)
  name = peer.gets.delete_prefix("GET ").chomp
  driver.open(name) { |file| file.copy_to(peer) }
  peer.close_write
ensure
  peer.close
end

# A read through abio ends because a timer and a socket of Ruby's own go on meanwhile.
def own_loop(driver, report, parent)
  order = []
  accepted = Thread::Queue.new
  server = TCPServer.new("127.0.0.1", 0)
  echo = parent.async do
    socket = server.accept
    order << "Ruby accepted"
    accepted << true
    socket.write(socket.gets)
    socket.close
  end
  driver.connect(server.addr[1]) do |peer|
    reader = parent.async { order << "abio read #{peer.gets.chomp}" }
    sleep 0.001
    accepted.pop
    order << "timer"
    peer.write("hello\n")
    reader.wait
  end
  echo.wait
  server.close
  report.check("order", order, ["Ruby accepted", "timer", "abio read hello"])
  "IO#wait_readable of #{Fiber.current_scheduler.class}"
end

def cancel(driver, report, parent)
  listener, port = driver.listen
  accepted = parent.async { listener.accept }
  driver.connect(port) do |peer|
    silent = accepted.wait
    library = driver.library
    memory = library.memory(16)
    read = driver.start(:read, silent.io, memory, memory.size, 0)
    report.check("operations asked", read.cancel, 1)
    error = begin
      read.wait
    rescue Abio::Error => e
      e
    end
    report.check("terminal event", [error.class, error.name, error.progress],
                 [Abio::Canceled, "ABIO_E_CANCELED", 0])

    # A task that is stopped takes its read with it, and no byte.
    stopped = parent.async { silent.gets }
    peer.write("nothing ")
    stopped.stop
    peer.write("is lost\n")
    report.check("the next read", silent.gets, "nothing is lost\n")
    silent.close
  end
  listener.close
  report.check("events nobody asked for", driver.unasked, 0)
end

# Everything is collected but what the operations in flight hold.
def collect(library, report)
  texts = Array.new(200) do |round|
    Abio::Driver.open(library) do |driver|
      ends = library.memory(16)
      library.check(library.pipe(driver.id, 0, ends, ends + 8))
      reader, writer = ends[0, 16].unpack("Q<2")
      read = driver.start(:read_exact, reader, library.memory(8), 8, 0)
      (round % 20).zero? ? GC.compact : GC.start
      library.check(library.try_write(writer, "too late", 8, 0))
      event = read.wait
      read.arguments[1][0, event.result]
    end
  end
  report.check("200 reads into memory that only the operation holds", texts, ["too late"] * 200)
end

# A loop that a signal ends stops its fibers, also those that wait for abio.
def terminate(library, report)
  ready, tell = IO.pipe
  child = fork do
    ready.close
    $stderr.reopen(File::NULL)
    Async do
      Abio::Driver.open(library) do |driver|
        listener, = driver.listen
        tell.close
        listener.accept
      end
    end
  end
  tell.close
  ready.read
  Process.kill(:TERM, child)
  report.check("the signal it ended by", Process.wait2(child).last.termsig, Signal.list["TERM"])
end

report = Abio::Report.new
library = nil
report.part("loads") do
  library = Abio::Library.new(*ARGV)
  "libabio #{library.version}"
end

manifest = Abio::Manifest.new(library)
rows = manifest.run
manifest.failed.each { |what| report.fail("its answer", what, "manifest") }
report.passed += rows - manifest.failed.size
puts "manifest: #{rows} rows run, #{manifest.failed.size} failed"

Async do |task|
  Abio::Driver.open(library) do |driver|
    report.part("files") { files(driver, report) }
    report.part("sockets") { sockets(driver, report, task) }
    report.part("own loop") { own_loop(driver, report, task) }
    report.part("cancel") { cancel(driver, report, task) }
  end
end
report.part("gc") do
  collect(library, report)
  terminate(library, report)
end
report.finish
