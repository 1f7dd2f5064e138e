;;; A driver of abio in the loop: its descriptor is watched, and an operation is a future.

(define-module (abio driver)
  #:use-module (abio)
  #:use-module (abio loop)
  #:use-module (ice-9 match)
  #:use-module (rnrs bytevectors)
  #:use-module (srfi srfi-9)
  #:use-module (system foreign)
  #:export (make-driver driver-id start cancel in-flight close-driver
            event-result event-handle
            make-handle release write-all make-buffer take-buffer! fold-lines))

(define event-size 48)
(define events-max 64)

(define-record-type <driver>
  (%make-driver id events in-flight last-token closed)
  driver?
  (id driver-id)
  (events driver-events)
  ;; By token: the operation's name, its future, and its arguments.  The collector does not see what
  ;; the library holds: a bytevector lent to it lives because it is in here.
  (in-flight driver-in-flight)
  (last-token driver-last-token set-driver-last-token!)
  (closed driver-closed set-driver-closed!))

(define-record-type <event>
  (make-event token result progress handle flags)
  event?
  (token event-token)
  (result event-result)
  (progress event-progress)
  (handle event-handle)
  (flags event-flags))

(define (make-handle what . arguments)
  "Calls a function that stores a handle through its last argument, and gives the handle."
  (let ((out (make-bytevector 8 0)))
    (check what (apply abio what (append arguments (list out))))
    (bytevector-u64-native-ref out 0)))

(define (make-driver)
  (let* ((id (make-handle 'driver_create #f))
         (events (make-bytevector (* event-size events-max)))
         (driver (%make-driver id events (make-hash-table) 0 #f)))
    ;; select takes the number as it is; a port made of it would close it when collected.
    (watch! (abio 'driver_fd id) (lambda () (pump driver)))
    driver))

(define (start driver name . arguments)
  "Starts an operation; the arguments are those of the function without the token.  Its future."
  (let ((token (1+ (driver-last-token driver)))
        (future (make-future)))
    (set-driver-last-token! driver token)
    (hashv-set! (driver-in-flight driver) token (list name future arguments))
    (let ((answer (apply abio name (append arguments (list token)))))
      (when (negative? answer)
        (hashv-remove! (driver-in-flight driver) token))
      (check name answer)
      future)))

(define (cancel driver future)
  "Asks that operation to end; its future ends by its event all the same."
  (hash-for-each (lambda (token operation)
                   (when (eq? (cadr operation) future)
                     (check 'cancel (abio 'cancel (driver-id driver) token))))
                 (driver-in-flight driver)))

(define (in-flight driver)
  (hash-count (const #t) (driver-in-flight driver)))

(define (read-event events index)
  (let ((start (* event-size index)))
    (make-event (bytevector-u64-native-ref events start)
                (bytevector-s64-native-ref events (+ start 8))
                (bytevector-u64-native-ref events (+ start 16))
                (bytevector-u64-native-ref events (+ start 24))
                (bytevector-u32-native-ref events (+ start 40)))))

(define (pump driver)
  "The one pump.  It may poll until 0: tasks go on in the loop's next turn, not in here."
  (let ((count (abio 'driver_poll (driver-id driver) (driver-events driver) event-size events-max)))
    (when (positive? count)
      (do ((i 0 (1+ i)))
          ((= i count))
        (deliver driver (read-event (driver-events driver) i)))
      (pump driver)))
  (let ((closed (driver-closed driver)))
    (when (and closed (not (future-done? closed)))
      (let ((fd (abio 'driver_fd (driver-id driver))))
        (unless (= (abio 'driver_close (driver-id driver)) (constant 'ABIO_E_BUSY))
          (unwatch! fd)
          (resolve! closed #t))))))

(define (deliver driver event)
  (match (hashv-ref (driver-in-flight driver) (event-token event))
    ((name future _)
     (unless (logtest (event-flags event) (constant 'ABIO_EVENT_MORE))
       (hashv-remove! (driver-in-flight driver) (event-token event))
       (with-exception-handler
           (lambda (exception) (fail! future exception))
         (lambda ()
           (check name (event-result event))
           (resolve! future event))
         #:unwind? #t)))
    (#f #f)))

(define (close-driver driver)
  "A future of its end: everything in flight is cancelled and delivered first."
  (let ((closed (make-future)))
    (set-driver-closed! driver closed)
    (check 'driver_shutdown (abio 'driver_shutdown (driver-id driver)))
    (later (lambda () (pump driver)))
    closed))

;;; What programs need again and again.

(define (write-all driver io text)
  (let ((bytes (string->utf8 text)))
    (await (start driver 'write_all io bytes (bytevector-length bytes) 0))))

(define (release . ios)
  (for-each (lambda (io) (abio 'release io)) ios))

;; Buffers of the library's are for what grows by itself.

(define (make-buffer capacity)
  (make-handle 'buffer_alloc capacity 0 0))

(define (take-buffer! buffer)
  "A copy of what is in it; it is empty then."
  (let ((state (make-struct 'buffer_state)))
    (check 'buffer_info (abio 'buffer_info buffer state))
    (let* ((filled (field-ref 'buffer_state state 'filled))
           (data (make-pointer (field-ref 'buffer_state state 'data)))
           (bytes (bytevector-copy (pointer->bytevector data filled))))
      (check 'buffer_set (abio 'buffer_set buffer 0 filled))
      bytes)))

(define* (fold-lines procedure seed driver reader #:optional (most -1))
  "As fold, over the lines that READER still has, each with its end; at most MOST."
  (let ((buffer (make-buffer 4096)))
    (let loop ((seed seed) (left most))
      (if (or (zero? left)
              (zero? (event-result (await (start driver 'read_line reader buffer 0)))))
          (begin
            (abio 'buffer_release buffer)
            seed)
          (loop (procedure (utf8->string (take-buffer! buffer)) seed) (1- left))))))
